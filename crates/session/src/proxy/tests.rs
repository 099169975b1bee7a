//! The proxy in front of a small engine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener};

use super::*;

/// Counts what the engine sees.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    running: AtomicUsize,
    cancelled: AtomicUsize,
}

struct CountEnd<'a>(&'a Seen, bool);

impl Drop for CountEnd<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Echoes the body and the session header; a body "hang" is never answered.
async fn engine_answer(request: Request<Incoming>, seen: &Seen) -> Response<Full<Bytes>> {
    seen.running.fetch_add(1, Ordering::SeqCst);
    let mut end = CountEnd(seen, false);
    let session = request.headers().get("kukri-session").cloned();
    let leaked = request.headers().contains_key("authorization");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    if body == "hang" {
        std::future::pending::<()>().await;
    }
    end.1 = true;
    let mut response = Response::new(Full::from(body));
    if let Some(session) = session {
        response.headers_mut().insert("x-session", session);
    }
    if leaked {
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
    }
    response
}

struct Setup {
    _dir: tempfile::TempDir,
    seen: Arc<Seen>,
    engine: JoinHandle<()>,
    gone: CancellationToken,
    proxy: ProxyServer,
}

async fn setup() -> Setup {
    setup_with(false).await
}

async fn setup_with(allow_cors: bool) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let seen = Arc::new(Seen::default());
    let engine_seen = Arc::clone(&seen);
    let engine = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            engine_seen.connections.fetch_add(1, Ordering::SeqCst);
            let seen = Arc::clone(&engine_seen);
            connections.spawn(async move {
                let service =
                    service_fn(|request| async { Ok::<_, Infallible>(engine_answer(request, &seen).await) });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    let gone = CancellationToken::new();
    let config = ProxyConfig {
        token: "token".into(),
        engine_socket: socket,
        session_id: "session-1".into(),
        log_path: "/var/log/the-engine.log".into(),
        engine_gone: gone.clone(),
        max_connections: 50,
        patience: Duration::from_millis(200),
        telemetry: None,
        events: None,
        allow_cors,
    };
    let proxy = serve(loopback().await.unwrap(), config).unwrap();
    Setup { _dir: dir, seen, engine, gone, proxy }
}

const TOKEN: &str = "Authorization: Basic dG9rZW46\r\n";

async fn send(port: u16, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn ask(port: u16, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut answer = String::new();
    send(port, method, path, headers, body).await.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn queries_reach_the_engine_with_their_session_and_without_the_token() {
    let setup = setup().await;
    let body = "{\"query\":\"{ version }\"}".repeat(100_000);
    let answer = ask(setup.proxy.address().port(), "POST", "/query", TOKEN, &body).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{}", &answer[..200]);
    assert!(answer.contains("x-session: session-1\r\n") && answer.ends_with(&body));
}

#[tokio::test]
async fn a_wrong_token_is_refused_for_every_path() {
    let setup = setup().await;
    for (path, headers) in
        [("/query", ""), ("/query", "Authorization: Basic eDo=\r\n"), ("/v1/traces", ""), ("/x", "")]
    {
        let answer = ask(setup.proxy.address().port(), "POST", path, headers, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let header = "www-authenticate: Basic realm=\"Access to the Dagger engine session\"\r\n";
        assert!(answer.contains(header), "{answer}");
    }
    assert_eq!(setup.seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn telemetry_is_taken_and_other_paths_are_unknown() {
    let setup = setup().await;
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        assert!(
            ask(setup.proxy.address().port(), "POST", path, TOKEN, "x").await.starts_with("HTTP/1.1 201 ")
        );
    }
    for path in ["/", "/v1/session", "/v1/sources", "/queryx"] {
        assert!(
            ask(setup.proxy.address().port(), "POST", path, TOKEN, "x").await.starts_with("HTTP/1.1 404 "),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_work() {
    let setup = setup().await;
    let stream = send(setup.proxy.address().port(), "POST", "/query", TOKEN, "hang").await;
    until("the request arrives", || setup.seen.running.load(Ordering::SeqCst) == 1).await;
    drop(stream);
    until("the work is cancelled", || setup.seen.cancelled.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn stopping_cancels_what_runs() {
    let setup = setup().await;
    let _stream = send(setup.proxy.address().port(), "POST", "/query", TOKEN, "hang").await;
    until("the request arrives", || setup.seen.running.load(Ordering::SeqCst) == 1).await;
    setup.proxy.stop().await;
    until("the work is cancelled", || setup.seen.cancelled.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn the_end_of_the_engine_answers_running_and_later_requests_at_once() {
    let setup = setup().await;
    let port = setup.proxy.address().port();
    let running = tokio::spawn(async move { ask(port, "POST", "/query", TOKEN, "hang").await });
    until("the request arrives", || setup.seen.running.load(Ordering::SeqCst) == 1).await;
    let start = Instant::now();
    setup.gone.cancel();
    let answer = running.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("/var/log/the-engine.log"), "{answer}");
    assert!(answer.contains("application/json") && answer.contains("\"errors\":[{\"message\":"), "{answer}");
    assert!(ask(port, "POST", "/query", TOKEN, "{}").await.starts_with("HTTP/1.1 502 "));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_lost_engine_is_told_even_before_the_session_notices() {
    let setup = setup().await;
    let port = setup.proxy.address().port();
    assert!(ask(port, "POST", "/query", TOKEN, "{}").await.starts_with("HTTP/1.1 200 "));
    let running = tokio::spawn(async move { ask(port, "POST", "/query", TOKEN, "hang").await });
    until("the request arrives", || setup.seen.running.load(Ordering::SeqCst) == 1).await;
    setup.engine.abort();
    assert!(running.await.unwrap().starts_with("HTTP/1.1 502 "));
    let answer = ask(port, "POST", "/query", TOKEN, "{}").await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("engine's log"), "{answer}");
}

#[tokio::test]
async fn connections_to_the_engine_are_used_again() {
    let setup = setup().await;
    for _ in 0..20 {
        ask(setup.proxy.address().port(), "POST", "/query", TOKEN, "{}").await;
    }
    let connections = setup.seen.connections.load(Ordering::SeqCst);
    assert!(connections < 10, "{connections} connections for 20 requests one after the other");
}

#[tokio::test]
async fn more_clients_than_places_wait_and_get_their_turn() {
    let setup = setup().await;
    let port = setup.proxy.address().port();
    let mut hanging = Vec::new();
    for _ in 0..60 {
        hanging.push(send(port, "POST", "/query", TOKEN, "hang").await);
    }
    let running = || setup.seen.running.load(Ordering::SeqCst);
    until("50 requests arrive", || running() == 50).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(running(), 50);
    let late = tokio::spawn(async move { ask(port, "POST", "/query", TOKEN, "late").await });
    drop(hanging);
    assert!(late.await.unwrap().ends_with("late"));
}

/// Clients keep connections open after an answer; those must not use up the places of others.
#[tokio::test]
async fn idle_connections_leave_room() {
    let setup = setup().await;
    let mut kept = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(("127.0.0.1", setup.proxy.address().port())).await.unwrap();
        let request = format!("GET /nothing HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        let answered = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut start)).await;
        assert!(matches!(answered, Ok(Ok(_))), "connection {number} is not answered");
        kept.push(stream);
    }
}

/// Those that never send a whole head, or nothing, end when there is no place left; those that wait for an answer stay.
#[tokio::test]
async fn connections_without_a_request_give_way() {
    let setup = setup().await;
    let port = setup.proxy.address().port();
    let hanging = send(port, "POST", "/query", TOKEN, "hang").await;
    let running = || setup.seen.running.load(Ordering::SeqCst);
    until("the request arrives", || running() == 1).await;
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"POST /query HTTP/1.1\r\nHost: x\r\nX").await.unwrap();
        }
        silent.push(stream);
    }
    let asked = ask(port, "POST", "/query", TOKEN, "late");
    let answer = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("all places stay taken");
    assert!(answer.ends_with("late"), "{answer}");
    assert_eq!(running(), 1, "who waits for an answer was sent away");
    drop((hanging, silent));
}

#[tokio::test]
async fn hundreds_that_come_at_once_get_their_turn() {
    let setup = setup().await;
    let port = setup.proxy.address().port();
    let hanging = join_all((0..50).map(|_| send(port, "POST", "/query", TOKEN, "hang"))).await;
    // All places are taken, and whoever is not queued by the kernel would try again for minutes.
    let waiting = join_all((0..600).map(|_| send(port, "POST", "/query", TOKEN, "late")));
    let waiting = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("some cannot connect");
    drop(hanging);
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("late"), "{answer}");
    }
}

/// What is wrong with a request is not told as if the engine were gone.
#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients_fault() {
    let setup = setup().await;
    let head = format!("POST /query HTTP/1.1\r\nHost: x\r\n{TOKEN}Connection: close\r\n");
    for body in ["Transfer-Encoding: chunked\r\n\r\nzz\r\n", "Content-Length: 9\r\n\r\n{"] {
        let mut stream = TcpStream::connect(("127.0.0.1", setup.proxy.address().port())).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("the body of the request"), "{answer}");
    }
}

const PREFLIGHT: &str = "Origin: http://page.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";

/// A browser asks without the token, and then sends it.
#[tokio::test]
async fn pages_may_use_it_where_that_is_allowed() {
    let setup = setup_with(true).await;
    let port = setup.proxy.address().port();
    let answer = ask(port, "OPTIONS", "/query", PREFLIGHT, "").await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    for header in [
        "access-control-allow-origin: *\r\n",
        "access-control-allow-methods: POST\r\n",
        "access-control-allow-headers: authorization\r\n",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
    assert_eq!(setup.seen.connections.load(Ordering::SeqCst), 0);
    let answer = ask(port, "POST", "/query", "Origin: http://page.example\r\n", "{}").await;
    assert!(
        answer.starts_with("HTTP/1.1 401 ") && answer.contains("access-control-allow-origin: *"),
        "{answer}"
    );
    let answer = ask(port, "POST", "/query", &format!("{TOKEN}Origin: http://page.example\r\n"), "{}").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("access-control-allow-origin: *"),
        "{answer}"
    );
}

#[tokio::test]
async fn pages_may_not_use_it_elsewhere() {
    let setup = setup().await;
    let port = setup.proxy.address().port();
    let answer = ask(port, "OPTIONS", "/query", PREFLIGHT, "").await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && !answer.contains("access-control"), "{answer}");
    let answer = ask(port, "POST", "/query", &format!("{TOKEN}Origin: http://page.example\r\n"), "{}").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("access-control"), "{answer}");
}
