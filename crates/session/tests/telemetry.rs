//! What a program in a container sends, and what of it arrives at the client.

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{ToyEngine, toy_engine};
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kukri_session::client::{Client, ConnectConfig, connect};
use kukri_session::engine::{SessionHandle, TelemetryServer};
use kukri_session::{ClientHello, EngineHello, OtlpRequest, TelemetryHello};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Setup {
    session: SessionHandle,
    server: TelemetryServer,
    seen: Arc<Mutex<Vec<OtlpRequest>>>,
    client: Client,
    _engine: ToyEngine,
    _dir: tempfile::TempDir,
}

/// A client that takes traces and metrics, and refuses a body of `bad`.
async fn setup() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("run/engine.sock");
    let mut engine = toy_engine(&socket, EngineHello::new("")).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let mut hello = ClientHello::new("c", "s", "/");
    hello.telemetry = Some(TelemetryHello {
        signals: vec!["traces".to_owned(), "metrics".to_owned()],
        ..TelemetryHello::default()
    });
    let client = connect(ConnectConfig {
        socket,
        hello,
        workdir: "/".into(),
        home: None,
        cache_dir: None,
        env: HashMap::new(),
        // It is about nothing on the client's machine.
        host_access: false,
        timeout: Duration::from_secs(10),
        telemetry: Some(Arc::new(move |request: OtlpRequest| {
            if &request.body[..] == b"bad" {
                return Err("it is bad".to_owned());
            }
            sink.lock().unwrap().push(request);
            Ok(())
        })),
    })
    .await
    .unwrap();
    let session = engine.session("s").await;
    let server = serve(&session);
    Setup { session, server, seen, client, _engine: engine, _dir: dir }
}

fn serve(session: &SessionHandle) -> TelemetryServer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    session.take_telemetry(listener, None).unwrap()
}

impl Setup {
    async fn post(&self, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let head = format!("POST {path} HTTP/1.1\r\nkukri-token: {}", self.server.token());
        ask(self.server.address(), &format!("{head}\r\nContent-Type: {kind}"), body).await
    }

    fn take(&self) -> Vec<OtlpRequest> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn whole(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request =
        format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    request.extend_from_slice(body);
    request
}

async fn ask(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Who is refused may be so before all is sent.
    let _ = stream.write_all(&whole(head, body)).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

const PROTOBUF: &str = "application/x-protobuf";

#[tokio::test]
async fn requests_of_http_arrive_as_they_are() {
    let setup = setup().await;
    assert_eq!(setup.post("/v1/traces", PROTOBUF, b"\x0a\x00").await, (200, String::new()));
    assert_eq!(setup.post("/v1/metrics", "application/json", b"{}").await, (200, "{}".to_owned()));
    let gzip = format!("{PROTOBUF}\r\nContent-Encoding: gzip");
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    assert_eq!(setup.post("/v1/traces", &gzip, &large).await, (200, String::new()));
    assert_eq!(setup.post("/v1/logs", PROTOBUF, b"nobody wants them").await.0, 200);
    let seen = setup.take();
    let told: Vec<_> =
        seen.iter().map(|r| (r.signal.as_str(), r.content_type.as_str(), r.encoding.as_str())).collect();
    let expected =
        [("traces", PROTOBUF, ""), ("metrics", "application/json", ""), ("traces", PROTOBUF, "gzip")];
    assert_eq!(told, expected);
    assert_eq!((&seen[0].body[..], &seen[2].body[..]), (&b"\x0a\x00"[..], &large[..]));
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let setup = setup().await;
    let address = setup.server.address();
    for head in ["POST /v1/traces HTTP/1.1", "POST /v1/traces HTTP/1.1\r\nkukri-token: x"] {
        let (status, text) = ask(address, head, b"x").await;
        assert!(status == 401 && text.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{status} {text}");
    }
    assert_eq!(setup.post("/query", PROTOBUF, b"x").await.0, 404);
    let get = format!("GET /v1/traces HTTP/1.1\r\nkukri-token: {}", setup.server.token());
    assert_eq!(ask(address, &get, b"").await.0, 405);
    assert_eq!(setup.post("/v1/traces", PROTOBUF, b"bad").await, (400, "it is bad\n".to_owned()));
    let (status, text) = setup.post("/v1/traces", PROTOBUF, &vec![0; (4 << 20) + 1]).await;
    assert!(status == 413 && text.contains("4194304 bytes"), "{status} {text}");
    assert!(setup.take().is_empty());
    // A token is for one container.
    let other = serve(&setup.session);
    let head = format!("POST /v1/traces HTTP/1.1\r\nkukri-token: {}", setup.server.token());
    assert_eq!(ask(other.address(), &head, b"x").await.0, 401);
}

/// The answer of an exporter's call by gRPC: its bytes, and its trailers.
async fn grpc(setup: &Setup, token: &str, path: &str, body: &'static [u8]) -> (Bytes, HeaderMap) {
    let stream = TcpStream::connect(setup.server.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::post(format!("http://x/opentelemetry.proto.collector.{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", "gzip")
        .header("kukri-token", token)
        .body(Full::new(Bytes::from_static(body)))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let head = response.headers().clone();
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or(head);
    connection.abort();
    (collected.to_bytes(), trailers)
}

#[tokio::test]
async fn grpc_is_spoken_on_the_same_port() {
    let setup = setup().await;
    let token = setup.server.token();
    let (body, trailers) = grpc(&setup, token, "trace.v1.TraceService/Export", b"\0\0\0\0\x02\x0a\x00").await;
    assert_eq!((&body[..], &trailers["grpc-status"]), (&b"\0\0\0\0\0"[..], &"0".parse().unwrap()));
    grpc(&setup, token, "metrics.v1.MetricsService/Export", b"\x01\0\0\0\x03gz?").await;
    let told: Vec<_> = setup.take().into_iter().map(|r| (r.signal, r.encoding, r.body)).collect();
    let plain = ("traces".to_owned(), String::new(), Bytes::from_static(b"\x0a\x00"));
    let packed = ("metrics".to_owned(), "gzip".to_owned(), Bytes::from_static(b"gz?"));
    assert_eq!(told, [plain, packed]);
    for (token, path, body, status) in [
        ("x", "trace.v1.TraceService/Export", &b"\0\0\0\0\0"[..], "16"),
        (token, "trace.v1.TraceService/Other", &b"\0\0\0\0\0"[..], "12"),
        (token, "trace.v1.TraceService/Export", &b"\0\0\0\0\x09"[..], "3"),
        (token, "trace.v1.TraceService/Export", &b"\0\0\0\0\x03bad"[..], "3"),
    ] {
        let (_, trailers) = grpc(&setup, token, path, body).await;
        assert_eq!(trailers["grpc-status"], status, "{path} {trailers:?}");
        assert!(!trailers["grpc-message"].is_empty());
    }
}

#[tokio::test]
async fn when_the_client_has_gone_nothing_is_kept_and_nobody_has_to_try_again() {
    let setup = setup().await;
    drop(setup.client);
    setup.session.closed().await;
    let head = format!("POST /v1/traces HTTP/1.1\r\nkukri-token: {}", setup.server.token());
    assert_eq!(ask(setup.server.address(), &head, b"x").await.0, 200);
    assert!(setup.seen.lock().unwrap().is_empty());
    assert_eq!(setup.server.finish().await, 0);
}

#[tokio::test]
async fn what_was_sent_before_the_end_arrives_and_a_flood_is_dropped() {
    let setup = setup().await;
    let (address, token) = (setup.server.address(), setup.server.token().to_owned());
    let head = format!("POST /v1/traces HTTP/1.1\r\nkukri-token: {token}\r\nContent-Type: {PROTOBUF}");
    for _ in 0..20 {
        let body = vec![0; 4_000_000];
        let (status, answer) = ask(address, &head, &body).await;
        assert!(status == 200 && (answer.is_empty() || answer.contains("more telemetry")), "{answer:?}");
    }
    let taken = setup.take().len();
    assert!((8..20).contains(&taken), "{taken}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Sent, and closed without waiting for an answer, as by a program that ends.
    let mut last = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut last, &whole(&head, b"last words")).unwrap();
    drop(last);
    assert_eq!(setup.server.finish().await, 20 - taken as u64);
    let seen = setup.seen.lock().unwrap();
    assert_eq!((seen.len(), &seen[0].body[..]), (1, &b"last words"[..]));
}
