//! What SDKs read, and commands that run inside a session.

use super::{Kind, Reader, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::variable(
        Reader::Client,
        "DAGGER_SESSION_PORT",
        Kind::Count,
        "open a session",
        "Port on 127.0.0.1 of a session to use, with DAGGER_SESSION_TOKEN; `kukri run` sets both for the program it runs",
    ),
    Setting::variable(
        Reader::Client,
        "DAGGER_SESSION_TOKEN",
        Kind::Text("TOKEN"),
        "open a session",
        "The token of that session; without DAGGER_SESSION_PORT, the one that `kukri listen` shall ask for",
    ),
    Setting::variable(
        Reader::Client,
        "_EXPERIMENTAL_DAGGER_CLI_BIN",
        Kind::Program,
        "the one in the package",
        "The command that SDKs start, of any implementation; set it to a path of kukri to let the official SDKs use it",
    ),
    Setting::variable(
        Reader::Client,
        "TRACEPARENT",
        Kind::Text("CONTEXT"),
        "none",
        "The span in which a program runs, as W3C Trace Context defines it: a session's own span is under it, and the \
         Python package sends it along with its requests, where the program has no current span by `opentelemetry`",
    ),
    Setting::variable(
        Reader::Client,
        "TRACESTATE",
        Kind::Text("STATE"),
        "none",
        "What goes along with `TRACEPARENT`, also to containers where telemetry is sent",
    ),
    Setting::variable(
        Reader::Client,
        "BAGGAGE",
        Kind::Text("PAIRS"),
        "none",
        "W3C Baggage, passed to containers where telemetry is sent",
    ),
    Setting::variable(
        Reader::Client,
        "KUKRI_SOURCE_LINES",
        Kind::Switch,
        "on",
        "Let the Python package remember which line of the program made each call; `source_lines` of `dagger.Config` wins",
    ),
];
