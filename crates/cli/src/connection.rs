//! A session to send queries to: one of our own, or the one in which this command runs.

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use kukri_session::command::RunningSession;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use tokio::net::TcpStream;

use crate::args::SessionFlags;
use crate::commands::open;
use crate::exit::Status;
use crate::fail::{Failure, err};
use crate::progress::{FRAME, Progress};
use crate::settings::variable;
use crate::telemetry::Telemetry;

/// Where queries go.
pub struct Connection {
    port: u16,
    token: String,
    /// None in a session that somebody else has opened.
    own: Option<Own>,
}

struct Own {
    session: RunningSession,
    progress: Progress,
    frame: tokio::time::Interval,
    gone: bool,
}

impl Connection {
    /// The session that the environment names; else a new one, for what the words say.
    pub async fn open(flags: &SessionFlags, words: &[String]) -> Result<Self, Failure> {
        if let Some((port, token)) = inherited()? {
            let by_variable = variable("DAGGER_WORKDIR").map(std::path::PathBuf::from);
            if flags.workdir.is_some() && flags.workdir != by_variable {
                return Err(Failure::usage(
                    "--workdir: the session in which this runs has its directory already",
                )
                .hint("unset DAGGER_SESSION_PORT for a session of its own"));
            }
            return Ok(Self { port, token, own: None });
        }
        Self::open_own(flags, words).await
    }

    /// A new session, for what the words say: a program and its arguments.
    pub async fn open_own(flags: &SessionFlags, words: &[String]) -> Result<Self, Failure> {
        let progress = Progress::new(flags, words)?;
        let session = open::open(flags, &progress).await?;
        let mut frame = tokio::time::interval(FRAME);
        frame.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (port, token) = (session.port(), session.token().to_owned());
        Ok(Self { port, token, own: Some(Own { session, progress, frame, gone: false }) })
    }

    /// The port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The token to present.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether a picture of what happens is drawn.
    pub fn draws(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.progress.draws())
    }

    /// Shows what a program has written, next to the picture.
    pub fn pass(&mut self, bytes: &[u8]) {
        if let Some(own) = &mut self.own {
            own.progress.pass(bytes);
        }
    }

    /// The span of the session, if it is our own and telemetry is sent.
    pub fn traceparent(&self) -> Option<String> {
        self.own.as_ref()?.progress.telemetry().map(Telemetry::traceparent)
    }

    /// Shows what happens. Never returns; may be dropped at any time and called again.
    pub async fn show(&mut self) {
        let Some(own) = &mut self.own else { return std::future::pending().await };
        loop {
            tokio::select! {
                _ = own.frame.tick() => own.progress.tick(),
                event = own.session.next_event(), if !own.gone => match event {
                    Some(event) => own.progress.event(&event),
                    None => own.gone = true,
                },
            }
        }
    }

    /// Sends a request and shows what happens until it is answered.
    pub async fn request(&mut self, body: &Json) -> Result<Answer, Failure> {
        let answer = send(self.port, self.token.clone(), body.to_string(), self.own.is_none());
        tokio::select! {
            answer = answer => answer,
            () = self.show() => Err(Failure::new("the session has ended")),
        }
    }

    /// Ends the session, if it is our own. An error: what was asked for besides the work itself could not be done.
    pub async fn close(self) -> Result<(), Failure> {
        match self.own {
            Some(Own { session, mut progress, .. }) => open::close(session, &mut progress).await,
            None => Ok(()),
        }
    }
}

/// Port and token of the session in which this command runs.
fn inherited() -> Result<Option<(u16, String)>, Failure> {
    let Some(port) = variable("DAGGER_SESSION_PORT") else { return Ok(None) };
    let number = port.parse().map_err(|_| {
        Failure::usage(format!("DAGGER_SESSION_PORT {port:?}: expected the number of a port"))
    })?;
    let token = variable("DAGGER_SESSION_TOKEN").ok_or_else(|| {
        Failure::usage("DAGGER_SESSION_PORT is set, but DAGGER_SESSION_TOKEN is not")
            .hint("set both to use a session, or none to open one")
    })?;
    Ok(Some((number, token)))
}

async fn send(port: u16, token: String, body: String, inherits: bool) -> Result<Answer, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| {
        Failure::new(format!("no session answers on port {port} of 127.0.0.1: {error}"))
            .hint("DAGGER_SESSION_PORT may be left from a session that has ended; unset it to open a new one")
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{token}:"));
    let mut request = Request::post("/query")
        .header("host", "127.0.0.1")
        .header("authorization", format!("Basic {login}"))
        .header("content-type", "application/json");
    for (name, header) in
        [("TRACEPARENT", "traceparent"), ("TRACESTATE", "tracestate"), ("BAGGAGE", "baggage")]
    {
        // In a session of our own its span is the one to be under, and it is under this one.
        if let Some(value) = variable(name).filter(|_| inherits) {
            request = request.header(header, value);
        }
    }
    let request = request.body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    connection.abort();
    serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

/// An answer of the API. The data stay text: they may be nested deeper than a reader of JSON goes.
#[derive(serde::Deserialize)]
pub struct Answer {
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Vec<Json>,
}

impl Answer {
    /// The data as JSON text; the first error as a failure, with what a failed command wrote on standard error.
    pub fn data(&self) -> Result<&str, Failure> {
        let Some(error) = self.errors.first() else {
            return Ok(self.data.as_deref().map_or("null", RawValue::get));
        };
        let message = error.get("message").and_then(Json::as_str).unwrap_or("unknown error");
        let extensions = error.get("extensions");
        let text = |key: &str| extensions.and_then(|extensions| extensions.get(key)).and_then(Json::as_str);
        for key in ["stdout", "stderr"] {
            if let Some(output) = text(key).filter(|output| !output.is_empty()) {
                err(&format!("{key}:\n{}\n", output.trim_end_matches('\n')));
            }
        }
        let code = extensions.and_then(|extensions| extensions.get("exitCode")).and_then(Json::as_i64);
        let failure = Failure::new(message);
        Err(match code {
            Some(code) => failure.status(Status::PassedOn(u8::try_from(code).unwrap_or(1))),
            None => failure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_may_be_deep() {
        let depth = 20_000;
        let text = format!("{{\"data\":{}1{}}}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let answer: Answer = serde_json::from_str(&text).unwrap();
        assert_eq!(answer.data().unwrap().matches("\"a\":").count(), depth);
        let answer: Answer =
            serde_json::from_str("{\"data\":null,\"errors\":[{\"message\":\"no\"}]}").unwrap();
        assert!(answer.data().is_err());
    }
}
