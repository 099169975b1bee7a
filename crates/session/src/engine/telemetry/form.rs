//! The forms in which OTLP is sent, and answered: protobuf and JSON in requests of HTTP, and gRPC.

use std::convert::Infallible;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
    Grpc,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All is well.
    Taken,
    /// It was taken, and dropped; why.
    Dropped(&'static str),
    /// It is refused: the status, that of gRPC, and why.
    Refused(StatusCode, u8, String),
}

/// Before each message of gRPC: whether it is compressed, and how long it is.
const PREFIX: usize = 5;

/// What a body holds, and whether it is compressed where its headers name a compression.
pub(super) struct Message {
    pub content: Bytes,
    pub compressed: bool,
}

impl Form {
    /// By the type of its content.
    pub fn of<B>(request: &Request<B>) -> Self {
        let kind = header(request.headers(), "content-type");
        match kind.split([';', '+']).next().unwrap_or_default().trim() {
            "application/grpc" => Self::Grpc,
            "application/json" => Self::Json,
            _ => Self::Protobuf,
        }
    }

    /// The signal to which a path belongs, if it is one of OTLP.
    pub fn signal(self, path: &str) -> Option<&'static str> {
        let (name, service) = match self {
            Self::Grpc => (path.strip_prefix("/opentelemetry.proto.collector.")?, "Service/Export"),
            _ => (path.strip_prefix("/v1/")?, ""),
        };
        let signals =
            [("traces", "trace.v1.Trace"), ("logs", "logs.v1.Logs"), ("metrics", "metrics.v1.Metrics")];
        let found = signals.into_iter().find(|(signal, long)| match self {
            Self::Grpc => name.strip_suffix(service) == Some(*long),
            _ => name == *signal,
        });
        found.map(|(signal, _)| signal)
    }

    /// How the content is compressed.
    pub fn encoding(self, headers: &HeaderMap) -> &str {
        header(headers, if self == Self::Grpc { "grpc-encoding" } else { "content-encoding" })
    }

    /// What a body holds. None if it is no message of gRPC.
    pub fn message(self, mut body: Bytes) -> Option<Message> {
        if self != Self::Grpc {
            return Some(Message { content: body, compressed: true });
        }
        if body.len() < PREFIX {
            return None;
        }
        let compressed = body.get_u8() == 1;
        let length = body.get_u32() as usize;
        (body.len() == length).then_some(Message { content: body, compressed })
    }

    /// The answer.
    pub fn answer(self, outcome: &Outcome) -> Response<Body> {
        if let Outcome::Refused(status, code, reason) = outcome {
            return match self {
                Self::Grpc => grpc_failure(*code, reason),
                _ => response(*status, "text/plain; charset=utf-8", format!("{reason}\n")),
            };
        }
        let warning = match outcome {
            Outcome::Dropped(reason) => Some(*reason),
            _ => None,
        };
        match self {
            Self::Protobuf => response(StatusCode::OK, "application/x-protobuf", partial_success(warning)),
            Self::Json => {
                let body = match warning {
                    Some(text) => serde_json::json!({ "partialSuccess": { "errorMessage": text } }),
                    None => serde_json::json!({}),
                };
                response(StatusCode::OK, "application/json", body.to_string())
            }
            Self::Grpc => {
                let message = partial_success(warning);
                let mut framed = BytesMut::new();
                framed.put_u8(0);
                framed.put_u32(message.len() as u32);
                framed.extend_from_slice(&message);
                let trailers = HeaderMap::from_iter([(
                    HeaderName::from_static("grpc-status"),
                    HeaderValue::from_static("0"),
                )]);
                let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
                let mut response = Response::new(body.boxed());
                let kind = HeaderValue::from_static("application/grpc");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

fn response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The answer of all three services, which is the same: nothing, or field 1, the partial success, with field 2, its text.
fn partial_success(warning: Option<&str>) -> Bytes {
    let Some(text) = warning else { return Bytes::new() };
    let mut message = BytesMut::new();
    // The texts are short, so that each length is one byte.
    message.extend_from_slice(&[0x0a, (text.len() + 2) as u8, 0x12, text.len() as u8]);
    message.extend_from_slice(text.as_bytes());
    message.freeze()
}

fn grpc_failure(code: u8, reason: &str) -> Response<Body> {
    let mut response = Response::new(Full::<Bytes>::default().boxed());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    // In percent encoding, of which plain text needs little.
    let text: String = reason
        .bytes()
        .map(|byte| match byte {
            b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.insert("grpc-message", text);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_signals() {
        assert_eq!(Form::Protobuf.signal("/v1/traces"), Some("traces"));
        assert_eq!(Form::Json.signal("/v1/metrics"), Some("metrics"));
        let grpc = |name: &str| Form::Grpc.signal(&format!("/opentelemetry.proto.collector.{name}"));
        assert_eq!(grpc("trace.v1.TraceService/Export"), Some("traces"));
        assert_eq!(grpc("logs.v1.LogsService/Export"), Some("logs"));
        assert_eq!(grpc("metrics.v1.MetricsService/Export"), Some("metrics"));
        for path in ["/", "/v1/", "/v1/profiles", "/v1/traces/x", "/query"] {
            assert_eq!(Form::Protobuf.signal(path), None, "{path}");
            assert_eq!(Form::Grpc.signal(path), None, "{path}");
        }
        assert_eq!(grpc("trace.v1.TraceService/Import"), None);
    }

    #[test]
    fn messages_of_grpc_are_whole_or_none() {
        let read = |bytes: &'static [u8]| Form::Grpc.message(Bytes::from_static(bytes));
        let message = read(b"\x01\0\0\0\x02ab").unwrap();
        assert_eq!((&message.content[..], message.compressed), (&b"ab"[..], true));
        assert!(!read(b"\0\0\0\0\0").unwrap().compressed);
        assert!(read(b"\0\0\0").is_none() && read(b"\0\0\0\0\x03ab").is_none());
        assert!(read(b"\0\xff\xff\xff\xffab").is_none() && read(b"\0\0\0\0\x01ab").is_none());
    }
}
