//! Which variables mean what.

use std::collections::HashMap;
use std::time::Duration;

use super::*;

fn read(variables: &[(&str, &str)]) -> Found {
    let known: HashMap<&str, &str> = variables.iter().copied().collect();
    Settings::read(&|name| known.get(name).map(|value| (*value).to_owned()))
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    let found = read(variables);
    assert_eq!(found.warnings, [""; 0]);
    found.settings.unwrap()
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for() {
    for variables in [
        &[][..],
        &[
            ("OTEL_SERVICE_NAME", "x"),
            ("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ],
        &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_SDK_DISABLED", "TRUE")],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ],
    ] {
        let found = read(variables);
        assert!(found.settings.is_none() && found.warnings.is_empty(), "{variables:?}");
    }
}

#[test]
fn one_endpoint_serves_all_signals_and_that_of_a_signal_is_taken_as_it_is() {
    let all = settings(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/base/"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://l/in"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    assert_eq!(all.traces.unwrap().url, "http://c:4318/base/v1/traces");
    assert_eq!(all.logs.unwrap().url, "https://l/in");
    assert_eq!(all.metrics, None);
    let only = settings(&[("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!(only.traces.unwrap().url, "http://localhost:4318/v1/traces");
    assert_eq!(only.logs, None);
}

#[test]
fn grpc_has_no_path_and_wants_security_where_no_scheme_is_given() {
    let url = |variables: &[(&str, &str)]| {
        let mut all = vec![("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_TRACES_EXPORTER", "otlp")];
        all.extend(variables);
        settings(&all).traces.unwrap().url
    };
    assert_eq!(url(&[]), "http://localhost:4317");
    assert_eq!(url(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317/")]), "http://c:4317");
    assert_eq!(url(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317")]), "https://c:4317");
    let insecure = [("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")];
    assert_eq!(url(&insecure), "http://c:4317");
}

#[test]
fn headers_and_attributes_are_unescaped_and_those_of_a_signal_win() {
    let all = settings(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20eA==, x = 1"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x=2"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=b%2Cc"),
        ("OTEL_SERVICE_NAME", "n"),
    ]);
    let traces = all.traces.unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(traces.headers, [pair("authorization", "Basic eA=="), pair("x", "1")]);
    assert_eq!((traces.timeout, traces.gzip), (Duration::from_millis(250), true));
    assert!(!format!("{traces:?}").contains("eA=="));
    assert_eq!(all.logs.unwrap().headers, [pair("x", "2")]);
    assert_eq!(all.resource, [pair("team", "b,c"), pair("service.name", "n")]);
}

#[test]
fn what_is_not_valid_is_told_and_ignored() {
    let found = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "lzma"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "localhost:4318"),
    ]);
    let settings = found.settings.unwrap();
    assert_eq!(settings.traces.unwrap().protocol, Protocol::HttpProtobuf);
    assert_eq!((settings.logs, settings.metrics), (None, None));
    let told = found.warnings.join("\n");
    for name in
        ["PROTOCOL", "TIMEOUT", "COMPRESSION", "HEADERS", "SAMPLER", "METRICS_EXPORTER", "LOGS_ENDPOINT"]
    {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn samplers_decide_by_parent_or_by_ratio() {
    let sampler = |name: &str, argument: &str| {
        settings(&[
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_TRACES_SAMPLER", name),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ])
        .sampler
    };
    let parent = |sampled| TraceContext { trace_id: [1; 16], span_id: [1; 8], sampled };
    let low = [0; 16];
    let high = [0xff; 16];
    for (name, argument, expected) in [
        ("always_on", "", [true, true, true, true]),
        ("always_off", "", [false, false, false, false]),
        ("traceidratio", "0.5", [true, false, true, false]),
        ("parentbased_always_on", "", [true, true, true, false]),
        ("parentbased_always_off", "", [false, false, true, false]),
        ("parentbased_traceidratio", "0.5", [true, false, true, false]),
    ] {
        let sampler = sampler(name, argument);
        let found = [
            sampler.samples(low, None),
            sampler.samples(high, None),
            sampler.samples(low, Some(&parent(true))),
            sampler.samples(high, Some(&parent(false))),
        ];
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn schedules_are_read_by_signal_and_the_shorter_timeout_counts() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let plain = settings(&[endpoint]);
    let (traces, metrics) = (plain.traces.unwrap(), plain.metrics.unwrap());
    assert_eq!((traces.schedule.delay, traces.schedule.batch), (Duration::from_secs(1), 512));
    assert_eq!((traces.schedule.queue, traces.timeout), (None, Duration::from_secs(10)));
    assert_eq!(metrics.schedule.delay, Duration::from_secs(5));
    let all = settings(&[
        endpoint,
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "30"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "25"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "40"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "21"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "31"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "61"),
        ("OTEL_BLRP_EXPORT_TIMEOUT", "60000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "22"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "42"),
    ]);
    let told = |target: Option<Target>| {
        let target = target.unwrap();
        let schedule = target.schedule;
        (schedule.delay.as_millis(), schedule.batch, schedule.queue, target.timeout.as_millis())
    };
    assert_eq!(told(all.traces), (20, 25, Some(25), 40));
    assert_eq!(told(all.logs), (21, 31, Some(61), 5000));
    assert_eq!(told(all.metrics), (22, usize::MAX, None, 42));
}

#[test]
fn what_is_not_done_is_refused_in_words() {
    let found = read(&[
        ("OTEL_TRACES_EXPORTER", "otlp, console"),
        ("OTEL_LOGS_EXPORTER", "console"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_PROPAGATORS", "tracecontext,b3,baggage"),
        ("OTEL_CONFIG_FILE", "otel.yaml"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
    ]);
    let settings = found.settings.unwrap();
    assert_eq!((settings.logs, settings.metrics), (None, None));
    assert_eq!(settings.traces.unwrap().schedule.delay, Duration::from_secs(1));
    let told = found.warnings.join("\n");
    for text in [
        "OTEL_TRACES_EXPORTER \"console\"",
        "OTEL_LOGS_EXPORTER \"console\"",
        "OTEL_PROPAGATORS \"b3\"",
        "OTEL_CONFIG_FILE",
        "OTEL_BSP_SCHEDULE_DELAY \"0\"",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    assert_eq!(found.warnings.len(), 5, "{told}");
}
