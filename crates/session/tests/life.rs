//! Engines that are started, shared, and lost; and sessions on them.

mod common;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::toy_engine;
use kukri_session::client::{ConnectConfig, ConnectError, connect};
use kukri_session::command::{RunningSession, SessionCommandError, SessionConfig};
use kukri_session::engine::HostStatKind;
use kukri_session::launch::{LaunchConfig, LaunchError, ensure_engine};
use kukri_session::{ClientHello, EngineHello, ErrorCode, HelloError, ProtocolRange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SOCKET: &str = "KUKRI_TEST_ENGINE_SOCKET";

/// Not a test by itself: the engine that the others start, as a process of its own.
#[tokio::test]
async fn helper_engine() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let socket = Path::new(&socket);
    match toy_engine(socket, EngineHello::new("")).await.task.await {
        Ok(()) => {}
        Err(error) => panic!("{error}"),
    }
}

fn launch(dir: &Path) -> LaunchConfig {
    let socket = dir.join("run/engine.sock");
    let mut variable = std::ffi::OsString::from(format!("{SOCKET}="));
    variable.push(&socket);
    let exe = std::env::current_exe().unwrap();
    LaunchConfig {
        program: "/usr/bin/env".into(),
        args: vec![variable, exe.into(), "--exact".into(), "helper_engine".into(), "--nocapture".into()],
        env: Vec::new(),
        socket,
        lock_path: dir.join("run/start.lock"),
        log_path: dir.join("log/engine.log"),
        timeout: Duration::from_secs(20),
    }
}

fn connecting(socket: PathBuf, session: &str) -> ConnectConfig {
    let mut hello = ClientHello::new("client", session, "/tmp");
    hello.want_events = true;
    ConnectConfig {
        socket,
        hello,
        workdir: "/tmp".into(),
        home: None,
        cache_dir: None,
        env: HashMap::from([("TOKEN".into(), "the value".into())]),
        host_access: true,
        timeout: Duration::from_secs(10),
        telemetry: None,
    }
}

fn session_on(launch: LaunchConfig, id: &str) -> SessionConfig {
    SessionConfig {
        connect: connecting(launch.socket.clone(), id),
        launch: Some(launch),
        max_connections: 100,
    }
}

async fn query(session: &RunningSession, body: &str) -> (u16, String) {
    let (port, token) = (session.port(), session.token().to_owned());
    query_port(port, &token, body).await
}

async fn query_port(port: u16, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let credentials = data_encode(&format!("{token}:"));
    let length = body.len();
    let head = format!("POST /query HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n");
    let request = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head[9..12].parse().unwrap(), body.to_owned())
}

fn data_encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn ten_at_the_same_moment_share_one_engine() {
    let dir = tempfile::tempdir().unwrap();
    let tries: Vec<_> = (0..10)
        .map(|n| {
            let config = session_on(launch(dir.path()), &format!("s{n}"));
            tokio::spawn(RunningSession::start(config))
        })
        .collect();
    let mut sessions = Vec::new();
    for attempt in tries {
        sessions.push(attempt.await.unwrap().unwrap());
    }
    let mut pids = std::collections::HashSet::new();
    for session in &sessions {
        pids.insert(query(session, "pid").await.1);
    }
    assert_eq!(pids.len(), 1, "{pids:?}");
    assert_ne!(pids.iter().next().unwrap(), &std::process::id().to_string());
    assert!(!ensure_engine(&launch(dir.path())).await.unwrap().started);
    // A killed client does not harm the others, nor the engine.
    drop(sessions.pop());
    assert_eq!(query(&sessions[0], "secret env://TOKEN").await, (200, "the value".to_owned()));
    query(&sessions[0], "die").await;
}

#[tokio::test]
async fn a_session_may_keep_its_machine_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = session_on(launch(dir.path()), "s");
    config.connect.host_access = false;
    let session = RunningSession::start(config).await.unwrap();
    let (_, text) = query(&session, "secret env://TOKEN").await;
    assert!(text.contains("--disable-host-read-write") && !text.contains("the value"), "{text}");
    query(&session, "die").await;
}

#[tokio::test]
async fn a_lost_engine_is_told_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = RunningSession::start(session_on(launch(dir.path()), "s")).await.unwrap();
    let (port, token) = (session.port(), session.token().to_owned());
    let hanging = tokio::spawn(async move { query_port(port, &token, "hang").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    assert_eq!(query(&session, "die").await.0, 502);
    let (status, text) = hanging.await.unwrap();
    assert!(status == 502 && text.contains("log/engine.log"), "{status} {text}");
    session.engine_gone().await;
    let (status, text) = query(&session, "pid").await;
    assert!(status == 502 && text.contains("log/engine.log"), "{status} {text}");
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(session.next_event().await.is_none());
    session.shutdown(Duration::from_secs(5)).await;
    // The next session finds a stale socket, and starts a new engine.
    let again = RunningSession::start(session_on(launch(dir.path()), "s")).await.unwrap();
    query(&again, "die").await;
}

#[tokio::test]
async fn an_engine_that_dies_at_once_is_told_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = launch(dir.path());
    config.program = "/bin/sh".into();
    config.args = vec!["-c".into(), "echo first line; echo no space left on device >&2; exit 7".into()];
    std::fs::create_dir_all(dir.path().join("log")).unwrap();
    std::fs::write(&config.log_path, "words of an earlier run\n").unwrap();
    let error = ensure_engine(&config).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, LaunchError::Died { .. }), "{text}");
    assert!(
        text.contains("no space left on device") && text.contains('7') && text.contains("engine.log"),
        "{text}"
    );
    assert!(!text.contains("earlier run"), "{text}");

    config.program = dir.path().join("missing");
    let text = ensure_engine(&config).await.unwrap_err().to_string();
    assert!(text.contains("missing"), "{text}");
}

#[tokio::test]
async fn an_engine_that_never_listens_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = launch(dir.path());
    config.program = "/bin/sh".into();
    config.args = vec!["-c".into(), "echo still warming up; sleep 60".into()];
    config.timeout = Duration::from_millis(200);
    let text = ensure_engine(&config).await.unwrap_err().to_string();
    assert!(text.contains("0.2 s") && text.contains("still warming up"), "{text}");
}

#[tokio::test]
async fn without_an_engine_the_socket_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let config = SessionConfig {
        connect: connecting(dir.path().join("none.sock"), "s"),
        launch: None,
        max_connections: 1,
    };
    let error = RunningSession::start(config).await.unwrap_err();
    assert!(matches!(error, SessionCommandError::Connect(ConnectError::NotRunning { .. })));
    assert!(error.to_string().contains("none.sock"));
}

#[tokio::test]
async fn versions_that_do_not_go_together_name_the_side_to_update() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("engine.sock");
    let mut hello = EngineHello::new("");
    hello.protocol = ProtocolRange { min: 7, max: 9 };
    let _engine = toy_engine(&socket, hello).await;
    let error = connect(connecting(socket.clone(), "s")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Hello(HelloError::UpdateClient { .. })), "{error}");
    let mut config = connecting(socket.clone(), "s");
    config.hello.protocol = ProtocolRange { min: 10, max: 12 };
    let error = connect(config).await.unwrap_err();
    assert!(matches!(error, ConnectError::Hello(HelloError::UpdateEngine { .. })), "{error}");
    let mut config = connecting(socket, "s");
    config.hello.protocol = ProtocolRange { min: 1, max: 7 };
    connect(config).await.expect("both speak version 7");
}

#[tokio::test]
async fn what_listens_but_is_no_engine_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("other.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nwhat?").await;
        }
    });
    let error = connect(connecting(socket, "s")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. } | ConnectError::Io { .. }), "{error}");

    let socket = dir.path().join("silent.sock");
    let _silent = tokio::net::UnixListener::bind(&socket).unwrap();
    let mut config = connecting(socket, "s");
    config.timeout = Duration::from_millis(100);
    assert!(matches!(connect(config).await, Err(ConnectError::Timeout { .. })));
}

#[tokio::test]
async fn the_engine_asks_and_the_client_answers() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("engine.sock");
    // Directories need not be text.
    let workdir = dir.path().join(OsStr::from_bytes(b"a/b\xff"));
    std::fs::create_dir_all(&workdir).unwrap();
    std::fs::write(dir.path().join("a/marker"), "x").unwrap();
    std::os::unix::fs::symlink("../marker", workdir.join("link")).unwrap();
    let mut engine = toy_engine(&socket, EngineHello::new("/the/log")).await;
    let mut config = connecting(socket, "s");
    config.workdir = workdir;
    let mut client = connect(config).await.unwrap();
    assert_eq!(client.engine().log_path, "/the/log");
    let session = engine.session("s").await;

    assert_eq!(session.find_up("marker").await.unwrap().as_deref(), Some("../marker"));
    assert_eq!(session.find_up("link").await.unwrap().as_deref(), Some("link"));
    assert_eq!(session.find_up("surely-nowhere").await.unwrap(), None);
    let stat = session.stat("../marker", true).await.unwrap().unwrap();
    assert_eq!((stat.kind, stat.size), (HostStatKind::File, 1));
    assert_eq!(session.stat("link", false).await.unwrap().unwrap().kind, HostStatKind::Symlink);
    assert_eq!(session.stat("link", true).await.unwrap().unwrap().kind, HostStatKind::File);
    assert_eq!(session.stat("missing/x", true).await.unwrap(), None);
    let error = session.read_secret("file://missing").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotFound));

    // 100 MiB of events, against windows of a few: taken events make room.
    let sender = session.clone();
    let emitting = tokio::spawn(async move {
        for n in 0..1000_u32 {
            let mut event = vec![0; 100 << 10];
            event[..4].copy_from_slice(&n.to_le_bytes());
            while !sender.emit(event.clone().into()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    for n in 0..1000_u32 {
        let event =
            tokio::time::timeout(Duration::from_secs(10), client.next_event()).await.unwrap().unwrap();
        assert_eq!(event[..4], n.to_le_bytes());
    }
    emitting.await.unwrap();

    for _ in 0..50 {
        assert!(session.emit(vec![1; 100 << 10].into()));
    }
    session.emit("last words".into());
    client.finish();
    session.closed().await;
    assert!(!session.emit("too late".into()));
    let mut last = Vec::new();
    while let Some(event) = client.next_event().await {
        last.push(event);
    }
    assert_eq!(last.len(), 51, "events that waited were lost at the end");
    assert_eq!(last[50], "last words");
    client.close(Duration::from_secs(5)).await;
}
