//! Answers by which a request fails: what the servers answer with, and what the reference says about each.

use hyper::StatusCode;

/// One kind of them.
#[derive(Clone, Copy, Debug)]
pub struct FailedAnswer {
    /// A few words.
    pub name: &'static str,
    /// The status of the HTTP answer.
    pub status: StatusCode,
    /// What `extensions` of the error holds; empty: there are none.
    pub extensions: &'static [Extension],
    /// The exception that the Python package raises.
    pub python: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What to do.
    pub next: &'static str,
}

/// A key of `extensions`.
#[derive(Clone, Copy, Debug)]
pub enum Extension {
    /// Always has this value.
    Fixed(&'static str, &'static str),
    /// Has a value of its own each time, which is described.
    Holds(&'static str, &'static str),
}

impl Extension {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Fixed(key, _) | Self::Holds(key, _) => key,
        }
    }
}

/// 401.
pub const UNAUTHORIZED: FailedAnswer = FailedAnswer {
    name: "The token is wrong",
    status: StatusCode::UNAUTHORIZED,
    extensions: &[],
    python: "TransportError",
    meaning: "A session answers only those who send its token, as the user name of HTTP Basic authentication with an empty \
              password. The answer is text.",
    next: "Set `DAGGER_SESSION_PORT` and `DAGGER_SESSION_TOKEN` to those of the same session. They may be left from one that \
           has ended: without both, a program opens a session of its own.",
};

/// 404.
pub const NO_PATH: FailedAnswer = FailedAnswer {
    name: "There is nothing at the path",
    status: StatusCode::NOT_FOUND,
    extensions: &[],
    python: "TransportError",
    meaning: "A session serves `/query`, and takes telemetry at `/v1/traces`, `/v1/logs` and `/v1/metrics`. The answer is text.",
    next: "Send requests to `/query`.",
};

/// 502.
pub const NO_ENGINE: FailedAnswer = FailedAnswer {
    name: "The engine cannot be reached",
    status: StatusCode::BAD_GATEWAY,
    extensions: &[],
    python: "TransportError",
    meaning: "The session is there, and its engine is not: it was ended or killed, or has crashed.",
    next: "Look at the end of the engine's log, which the message names. A new session starts a new engine, and finished work \
           is still known there.",
};

/// Those of a session itself. Engines have more.
pub const OF_SESSIONS: &[FailedAnswer] = &[UNAUTHORIZED, NO_PATH, NO_ENGINE];
