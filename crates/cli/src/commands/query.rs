//! `kukri query`: one GraphQL document.

use std::io::{Read, Write};
use std::process::ExitCode;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};
use tokio::net::TcpStream;

use super::open;
use crate::args::QueryArgs;
use crate::fail::{Failure, Outcome};
use crate::progress::Progress;

/// Sends the document; prints the data of the answer as JSON.
pub async fn query(args: QueryArgs) -> Outcome {
    let (document, operation) = document(&args)?;
    let mut variables = Map::new();
    if let Some(text) = &args.var_json {
        let given: Json =
            serde_json::from_str(text).map_err(|error| Failure::new(format!("--var-json: {error}")))?;
        let Json::Object(given) = given else {
            return Err(Failure::new("--var-json: expected a JSON object"));
        };
        variables.extend(given);
    }
    for entry in &args.var {
        let (name, value) = entry
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("--var {entry:?}: expected NAME=VALUE")))?;
        variables.insert(name.to_owned(), json!(value));
    }
    let mut progress = Progress::new(args.session.progress, args.session.silent);
    let mut session = open::open(&args.session, &progress).await?;
    let body = json!({ "query": document, "variables": variables, "operationName": operation });
    let answer = send(session.port(), session.token().to_owned(), body.to_string());
    tokio::pin!(answer);
    let mut gone = false;
    let result = loop {
        tokio::select! {
            result = &mut answer => break result,
            event = session.next_event(), if !gone => match event {
                Some(event) => progress.event(&event),
                None => gone = true,
            },
        }
    };
    open::close(session, &mut progress).await;
    print(&result?)
}

fn document(args: &QueryArgs) -> Result<(String, Option<String>), Failure> {
    let is_document = |text: &str| {
        let text = text.trim_start();
        text.starts_with('{')
            || text.starts_with("query")
            || text.starts_with("fragment")
            || text.starts_with('#')
    };
    let read_stdin = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    };
    match (&args.query, &args.doc) {
        (Some(query), None) if is_document(query) => Ok((query.clone(), None)),
        (operation, Some(path)) if path.as_os_str() != "-" => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("--doc {}: {error}", path.display())))?;
            Ok((text, operation.clone()))
        }
        (operation, _) => Ok((read_stdin()?, operation.clone())),
    }
}

async fn send(port: u16, token: String, body: String) -> Result<Answer, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{token}:"));
    let request = Request::post("/query")
        .header("host", "127.0.0.1")
        .header("authorization", format!("Basic {login}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    connection.abort();
    serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

/// An answer of the API. The data stay text: they may be nested deeper than a reader of JSON goes.
#[derive(serde::Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Vec<Json>,
}

#[expect(clippy::print_stderr, reason = "where errors go")]
fn print(answer: &Answer) -> Outcome {
    if let Some(error) = answer.errors.first() {
        let message = error.get("message").and_then(Json::as_str).unwrap_or("unknown error");
        let extensions = error.get("extensions");
        let text = |key: &str| extensions.and_then(|extensions| extensions.get(key)).and_then(Json::as_str);
        eprintln!("error: {message}");
        for key in ["stdout", "stderr"] {
            if let Some(output) = text(key).filter(|output| !output.is_empty()) {
                eprintln!("{key}:\n{output}");
            }
        }
        let code = extensions.and_then(|extensions| extensions.get("exitCode")).and_then(Json::as_i64);
        // The status of a failed command is passed on; anything else that failed is 1. Never 0.
        let code = code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1);
        return Ok(ExitCode::from(code));
    }
    let mut out = indented(answer.data.as_deref().map_or("null", RawValue::get));
    out.push('\n');
    std::io::stdout().lock().write_all(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Levels that are indented; in data that nest thousands deep the spaces would be most of what is printed.
const MOST_INDENTED: usize = 64;

/// JSON over several lines, indented by four spaces a level. Nothing recurses: data nest as deep as documents do.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut chars = json.chars().peekable();
    let mut in_text = false;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth.min(MOST_INDENTED)));
    };
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            match c {
                '\\' => out.extend(chars.next()),
                '"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => {
                in_text = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_indented_as_json_usually_is() {
        let value = json!({"a": {"b": ["x, {\"y\": [\\", 1, -2.5, null], "c": [], "d": {}}, "e": "é\n:"});
        let mut usual = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut usual, formatter);
        serde::Serialize::serialize(&value, &mut serializer).unwrap();
        assert_eq!(indented(&value.to_string()), String::from_utf8(usual).unwrap());
    }

    #[test]
    fn answers_may_be_deep() {
        let depth = 20_000;
        let text = format!("{{\"data\":{}1{}}}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let answer: Answer = serde_json::from_str(&text).unwrap();
        let shown = indented(answer.data.unwrap().get());
        assert_eq!(shown.matches("\"a\": ").count(), depth);
        let answer: Answer =
            serde_json::from_str("{\"data\":null,\"errors\":[{\"message\":\"no\"}]}").unwrap();
        assert_eq!(answer.errors.len(), 1);
    }
}
