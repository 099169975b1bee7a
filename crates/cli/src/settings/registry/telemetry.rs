//! What says where telemetry goes: the standard variables of OpenTelemetry.

use super::{Kind, Reader, Setting};

/// A standard variable of OpenTelemetry.
const fn otel(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Setting {
    Setting::variable(Reader::Telemetry, name, kind, default, doc)
}

pub(super) const SETTINGS: &[Setting] = &[
    otel(
        "OTEL_SDK_DISABLED",
        Kind::True,
        "off",
        "Send no telemetry, whatever else is set; only `true` counts, in upper or lower case",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        Kind::Text("URL"),
        "nothing is sent",
        "OpenTelemetry collector that gets traces, logs and metrics, also those of programs in containers; for HTTP \
         without `/v1/traces`, while the form for one signal, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, is the complete URL",
    ),
    otel(
        "OTEL_TRACES_EXPORTER",
        Kind::Choice(&["otlp", "none"]),
        "`otlp` if there is an endpoint",
        "Whether traces are sent; `otlp` without an endpoint sends to this machine, port 4318 (HTTP) or 4317 (gRPC); \
         others, such as `console`, are refused with a warning",
    ),
    otel(
        "OTEL_LOGS_EXPORTER",
        Kind::Choice(&["otlp", "none"]),
        "`otlp` if there is an endpoint",
        "The same for logs",
    ),
    otel(
        "OTEL_METRICS_EXPORTER",
        Kind::Choice(&["otlp", "none"]),
        "`otlp` if there is an endpoint",
        "The same for metrics",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        Kind::Choice(&["http/protobuf", "http/json", "grpc"]),
        "`http/protobuf`",
        "How telemetry is sent; this and the `OTEL_EXPORTER_OTLP_` ones below have forms for one signal, as in \
         `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_HEADERS",
        Kind::Text("KEY=VALUE,…"),
        "none",
        "Headers of each request to the collector, values in percent encoding",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        Kind::Count,
        "10000",
        "Most milliseconds for one batch, and for the last ones when a session ends",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        Kind::Choice(&["none", "gzip"]),
        "`none`",
        "Compression of what is sent",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_INSECURE",
        Kind::True,
        "off",
        "Whether gRPC goes without TLS where the endpoint has no scheme",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        Kind::Path,
        "the system's",
        "PEM file with the certificate authorities that are trusted for the collector",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        Kind::Path,
        "none",
        "PEM file with the certificate to show to the collector",
    ),
    otel("OTEL_EXPORTER_OTLP_CLIENT_KEY", Kind::Path, "none", "PEM file with the key of that certificate"),
    otel(
        "OTEL_BSP_SCHEDULE_DELAY",
        Kind::Count,
        "1000",
        "Most milliseconds that a span waits before it is sent; for log records see `OTEL_BLRP_SCHEDULE_DELAY`",
    ),
    otel("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Kind::Count, "512", "Most spans in one batch"),
    otel(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        Kind::Count,
        "16 MB of them",
        "Most spans that wait for the collector; what comes when it is full is lost, and told",
    ),
    otel(
        "OTEL_BSP_EXPORT_TIMEOUT",
        Kind::Count,
        "`OTEL_EXPORTER_OTLP_TIMEOUT`",
        "Most milliseconds for one batch; the shorter one of both counts",
    ),
    otel("OTEL_BLRP_SCHEDULE_DELAY", Kind::Count, "1000", "The same for log records"),
    otel("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", Kind::Count, "512", "The same for log records"),
    otel("OTEL_BLRP_MAX_QUEUE_SIZE", Kind::Count, "16 MB of them", "The same for log records"),
    otel("OTEL_BLRP_EXPORT_TIMEOUT", Kind::Count, "`OTEL_EXPORTER_OTLP_TIMEOUT`", "The same for log records"),
    otel(
        "OTEL_METRIC_EXPORT_INTERVAL",
        Kind::Count,
        "5000",
        "Milliseconds from one measurement of a running step to the next, and until they are sent",
    ),
    otel(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        Kind::Count,
        "`OTEL_EXPORTER_OTLP_TIMEOUT`",
        "Most milliseconds for one batch of metrics; the shorter one of both counts",
    ),
    otel(
        "OTEL_PROPAGATORS",
        Kind::Text("NAME,…"),
        "`tracecontext,baggage`",
        "How traces go on from one program to the next; others than these two are refused with a warning",
    ),
    otel("OTEL_CONFIG_FILE", Kind::Path, "none", "Not read: a warning says so; set variables instead"),
    otel(
        "OTEL_SERVICE_NAME",
        Kind::Text("NAME"),
        "`kukri`",
        "The attribute `service.name` of all that is sent",
    ),
    otel(
        "OTEL_RESOURCE_ATTRIBUTES",
        Kind::Text("KEY=VALUE,…"),
        "none",
        "More attributes of all that is sent",
    ),
    otel(
        "OTEL_TRACES_SAMPLER",
        Kind::Choice(&[
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ]),
        "`parentbased_always_on`",
        "Which traces are recorded",
    ),
    otel(
        "OTEL_TRACES_SAMPLER_ARG",
        Kind::Text("RATIO"),
        "1",
        "Part of the traces that `traceidratio` records, from 0 to 1",
    ),
];
