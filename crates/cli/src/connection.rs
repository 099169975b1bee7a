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
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::SessionFlags;
use crate::commands::open;
use crate::exit::Status;
use crate::fail::Failure;
use crate::progress::{FRAME, Progress};
use crate::settings::{unreadable, variable};
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
    resized: Signal,
    gone: bool,
    /// Events are taken when they come. Else only now and then.
    at_once: bool,
    /// Bytes of events since the last picture.
    taken: usize,
}

/// More bytes of events than this between two pictures, a small part of what may wait at the engine, are taken at once: it
/// would come to a stop.
const BUSY: usize = 256 << 10;

impl Own {
    fn event(&mut self, event: &[u8]) {
        self.taken += event.len();
        self.progress.event(event);
    }

    /// Takes what has come since the last time. To be woken for each event would cost more than the event.
    fn take_waiting(&mut self) {
        while let Some(event) = self.session.waiting_event() {
            self.event(&event);
        }
    }

    fn tick(&mut self) {
        self.take_waiting();
        self.at_once = std::mem::take(&mut self.taken) > BUSY || self.progress.shows_at_once();
        self.progress.tick();
    }
}

/// A command that is interrupted shows and keeps what it has been told.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            own.take_waiting();
        }
    }
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
        let mut progress = open::prepare(flags, words)?;
        let session = open::open(flags, &mut progress).await?;
        let mut frame = tokio::time::interval(FRAME);
        frame.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let resized = signal(SignalKind::window_change())?;
        let (port, token) = (session.port(), session.token().to_owned());
        Ok(Self {
            port,
            token,
            own: Some(Own { session, progress, frame, resized, gone: false, at_once: true, taken: 0 }),
        })
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
                _ = own.frame.tick() => own.tick(),
                _ = own.resized.recv() => own.progress.tick(),
                event = own.session.next_event(), if own.at_once && !own.gone => match event {
                    Some(event) => own.event(&event),
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

    /// Whether the end of the session shows the steps that failed, with what they wrote.
    pub fn shows_failures(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.progress.shows_failures())
    }

    /// Ends the session, if it is our own. An error: what was asked for besides the work itself could not be done.
    pub async fn close(mut self) -> Result<(), Failure> {
        match self.own.take() {
            Some(Own { session, mut progress, .. }) => open::close(session, &mut progress).await,
            None => Ok(()),
        }
    }
}

/// Port and token of the session in which this command runs.
fn inherited() -> Result<Option<(u16, String)>, Failure> {
    let Some(port) = variable("DAGGER_SESSION_PORT") else { return Ok(None) };
    let number = port
        .parse()
        .map_err(|_| unreadable("DAGGER_SESSION_PORT", &port, &"expected the number of a port"))?;
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
    /// The data as JSON text; the first error as a failure, with the command that failed and the end of what it wrote.
    pub fn data(&self) -> Result<&str, Failure> {
        let Some(error) = self.errors.first() else {
            return Ok(self.data.as_deref().map_or("null", RawValue::get));
        };
        let text =
            |json: &Json, key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let message = match text(error, "message") {
            message if message.is_empty() => "unknown error".to_owned(),
            message => message,
        };
        let mut failure = Failure::new(&*message).place(place(error));
        let none = Json::Null;
        let extensions = error.get("extensions").unwrap_or(&none);
        if let Some(code) = extensions.get("exitCode").and_then(Json::as_i64) {
            let words = extensions.get("cmd").and_then(Json::as_array).into_iter().flatten();
            let words: Vec<String> = words.filter_map(Json::as_str).map(str::to_owned).collect();
            let mut lines = vec![format!("command: {}", kukri_engine::text::command(&words))];
            for stream in ["stdout", "stderr"] {
                // What the engine itself says is not what the command wrote.
                lines.extend(end_of(stream, &text(extensions, stream)).filter(|_| {
                    let said = text(extensions, stream);
                    said.is_empty() || !message.contains(&said)
                }));
            }
            failure = failure.details(lines).status(Status::PassedOn(u8::try_from(code).unwrap_or(1)));
        }
        Err(failure)
    }
}

/// Fields of the API down to the one that failed; where a document is wrong, line and column.
fn place(error: &Json) -> Vec<String> {
    let path = error.get("path").and_then(Json::as_array).into_iter().flatten();
    let fields: Vec<String> =
        path.map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)).collect();
    let number = |key: &str| error.pointer(&format!("/locations/0/{key}")).and_then(Json::as_u64);
    match (fields.is_empty(), number("line"), number("column")) {
        (true, Some(line), Some(column)) => vec![format!("line {line}, column {column}")],
        _ => fields,
    }
}

/// Most lines of a stream that are shown.
const LINES: usize = 20;

/// The end of what a command wrote; nothing if it wrote nothing.
fn end_of(stream: &str, text: &str) -> std::vec::IntoIter<String> {
    let written: Vec<&str> = text.trim_end().lines().collect();
    if written.is_empty() {
        return Vec::new().into_iter();
    }
    let more = written.len().saturating_sub(LINES);
    let of = if more > 0 { format!(", the last {LINES} of {} lines", written.len()) } else { String::new() };
    let shown = written[more..].iter().map(|line| format!("  {}", kukri_telemetry::text::clean(line)));
    let lines: Vec<String> = std::iter::once(format!("{stream}{of}:")).chain(shown).collect();
    lines.into_iter()
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
