//! The server over a real socket, with real sessions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kukri_engine::Session;
use kukri_session::client::{Client, ConnectConfig, connect};
use kukri_session::{ClientHello, EngineHello};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::{AdminError, Server, ServerConfig};
use crate::tests::world;
use crate::{Api, ApiConfig};

struct Setup {
    dir: tempfile::TempDir,
    server: Arc<Server>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

struct Reply {
    status: u16,
    content_type: String,
    body: String,
}

impl Reply {
    fn message(&self) -> String {
        let body: Json = serde_json::from_str(&self.body).unwrap();
        assert!(body["data"].is_null(), "{}", self.body);
        body["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}

fn setup() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("s")).unwrap();
    let mut config = ServerConfig::new(
        EngineHello::new(""),
        Arc::new(|handle| {
            Box::pin(async move {
                let id = handle.hello().session_id.clone();
                if id == "bad" { Err("no room".to_owned()) } else { Ok(Arc::new(Session::new(id))) }
            })
        }),
    );
    config.max_body = 1 << 20;
    config.grace = Duration::from_secs(2);
    config.admin = Some(Arc::new(|verb, body| {
        Box::pin(async move {
            match verb.as_str() {
                "echo" => Ok(json!({ "got": body })),
                "fail" => Err(AdminError::Failed("it broke".to_owned())),
                _ => Err(AdminError::UnknownVerb(verb)),
            }
        })
    }));
    let api = Api::new(world::engine(), &ApiConfig::default());
    let server = Server::with_api(api, config);
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(Arc::clone(&server).serve(listener, shutdown.clone()));
    Setup { dir, server, shutdown, task }
}

impl Setup {
    fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    async fn client(&self, id: &str, view: &str) -> Client {
        let mut hello = ClientHello::new("client", id, "/");
        view.clone_into(&mut hello.schema_version);
        self.try_client(hello).await.unwrap()
    }

    async fn try_client(&self, hello: ClientHello) -> Result<Client, kukri_session::client::ConnectError> {
        connect(ConnectConfig {
            socket: self.socket(),
            hello,
            workdir: "/".into(),
            home: None,
            cache_dir: None,
            env: std::collections::HashMap::new(),
            host_access: true,
            timeout: Duration::from_secs(5),
            telemetry: None,
        })
        .await
    }

    async fn open(&self, head: &str, body: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        let head =
            format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses early may close before it has read all.
        let _ = stream.write_all(body).await;
        stream
    }

    async fn send(&self, head: &str, body: &[u8]) -> Reply {
        let mut stream = self.open(head, body).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            content_type: header("content-type").unwrap_or_default(),
            body: body.to_owned(),
        }
    }

    async fn query(&self, session: &str, extra: &str, body: &str) -> Reply {
        let head = format!(
            "POST /query HTTP/1.1\r\nContent-Type: application/json\r\nKukri-Session: {session}{extra}"
        );
        self.send(&head, body.as_bytes()).await
    }

    async fn until(&self, what: impl Fn(super::Activity) -> bool) {
        let start = Instant::now();
        while !what(self.server.sessions().activity()) {
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", self.server.sessions().activity());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn statuses_and_types() {
    let setup = setup();
    let _client = setup.client("s", "").await;
    let graphql = "\r\nAccept: application/graphql-response+json, application/json";
    let json = "application/json";
    for (body, accept, status, content_type) in [
        (r#"{"query":"{version}"}"#, "", 200, json),
        (r#"{"query":"{version}"}"#, graphql, 200, "application/graphql-response+json"),
        (r#"{"query":"{fail}"}"#, "", 200, json),
        (r#"{"query":"{nope}"}"#, "", 422, json),
        (r#"{"query":"{nope}"}"#, graphql, 400, "application/graphql-response+json"),
        (r#"{"query":"{"}"#, "\r\nAccept: */*", 422, json),
        (r#"{"query":""}"#, "", 422, json),
        ("{", "", 400, json),
        (r#"[{"query":"{version}"}]"#, "", 400, json),
        (r#"{"variables":{}}"#, "", 400, json),
    ] {
        let reply = setup.query("s", accept, body).await;
        assert_eq!(
            (reply.status, reply.content_type.as_str()),
            (status, content_type),
            "{body} {}",
            reply.body
        );
        assert!(reply.body.starts_with("{\"data\":") || !reply.message().is_empty(), "{body}");
    }
    let reply = setup.query("s", "", r#"{"query":"{version}","variables":null,"operationName":""}"#).await;
    assert_eq!(reply.body, r#"{"data":{"version":"v1"}}"#);
    for (parameters, status) in [
        ("query=%7Bversion%7D", 200),
        ("query={version}&variables={}&operationName=", 200),
        ("query={nope}", 422),
        ("query=mutation%7Bversion%7D", 422),
        ("query={version}&variables=%7B", 400),
        ("", 400),
    ] {
        let head = format!("GET /query?{parameters} HTTP/1.1\r\nKukri-Session: s");
        let get = setup.send(&head, b"").await;
        assert_eq!(get.status, status, "{parameters}: {}", get.body);
        assert!(status != 200 || get.body == r#"{"data":{"version":"v1"}}"#, "{}", get.body);
    }
    let put = setup.send("PUT /query?query={version} HTTP/1.1\r\nKukri-Session: s", b"").await;
    assert_eq!((put.status, put.message().starts_with("transport not supported")), (400, true));
    let form = setup
        .send("POST /query HTTP/1.1\r\nKukri-Session: s\r\nContent-Type: multipart/form-data", b"{}")
        .await;
    assert_eq!((form.status, form.message().starts_with("transport not supported")), (400, true));
    let large = format!(r#"{{"query":"{}"}}"#, "x".repeat(2 << 20));
    let reply = setup.query("s", "", &large).await;
    assert_eq!((reply.status, reply.message().contains("larger than 1048576 bytes")), (413, true));
    assert_eq!(setup.send("GET /x HTTP/1.1", b"").await.status, 404);
}

#[tokio::test]
async fn sessions_begin_and_end() {
    let setup = setup();
    let reply = setup.query("s", "", r#"{"query":"{version}"}"#).await;
    assert_eq!((reply.status, reply.message().contains("\"s\" is not known")), (503, true));
    let none = setup.send("POST /query HTTP/1.1\r\nContent-Type: application/json", b"{}").await;
    assert_eq!((none.status, none.message().contains("Kukri-Session")), (400, true));

    let client = setup.client("s", "v1.0.0").await;
    // At once: the session may still be in the making.
    let reply = setup.query("s", "", r#"{"query":"{__schemaVersion}"}"#).await;
    assert_eq!(reply.body, r#"{"data":{"__schemaVersion":"v1.0.0"}}"#);
    assert!(setup.try_client(ClientHello::new("client", "s", "/")).await.is_err(), "the id is taken");
    assert_eq!(setup.server.sessions().ids(), ["s"]);

    let head = "POST /query HTTP/1.1\r\nContent-Type: application/json\r\nKukri-Session: s";
    let mut stream = setup.open(head, br#"{"query":"{slow(ms:60000)}"}"#).await;
    setup.until(|activity| activity.requests == 1).await;
    drop(client);
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("the session has ended"), "{text}");
    setup.until(|activity| activity.sessions == 0 && activity.requests == 0).await;
    tokio::time::timeout(Duration::from_secs(5), setup.server.sessions().idle(Duration::from_millis(50)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_that_cannot_be_made_ends() {
    let setup = setup();
    // Depending on who is faster, the client hears of it when it connects or after.
    if let Ok(client) = setup.try_client(ClientHello::new("client", "bad", "/")).await {
        tokio::time::timeout(Duration::from_secs(5), client.ended().cancelled()).await.unwrap();
    }
    assert_eq!(setup.query("bad", "", r#"{"query":"{version}"}"#).await.status, 503);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_query_with_it() {
    let setup = setup();
    let _client = setup.client("s", "").await;
    setup.until(|activity| activity.requests == 0).await;
    let head = "POST /query HTTP/1.1\r\nContent-Type: application/json\r\nKukri-Session: s";
    let stream = setup.open(head, br#"{"query":"{slow(ms:60000)}"}"#).await;
    setup.until(|activity| activity.requests == 1).await;
    drop(stream);
    setup.until(|activity| activity.requests == 0).await;
}

#[tokio::test]
async fn shutdown_ends_everything() {
    let setup = setup();
    let client = setup.client("s", "").await;
    let head = "POST /query HTTP/1.1\r\nContent-Type: application/json\r\nKukri-Session: s";
    let mut stream = setup.open(head, br#"{"query":"{slow(ms:60000)}"}"#).await;
    setup.until(|activity| activity.requests == 1).await;
    setup.shutdown.cancel();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    tokio::time::timeout(Duration::from_secs(5), client.ended().cancelled()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), setup.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn administration_and_ping() {
    let setup = setup();
    let reply = setup.send("POST /v1/admin/echo HTTP/1.1", b"{\"a\":1}").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"got":{"a":1}}"#));
    assert_eq!(setup.send("POST /v1/admin/echo HTTP/1.1", b"").await.body, r#"{"got":null}"#);
    assert_eq!(setup.send("POST /v1/admin/echo HTTP/1.1", b"{").await.status, 400);
    assert_eq!(setup.send("POST /v1/admin/fail HTTP/1.1", b"").await.status, 500);
    assert_eq!(setup.send("POST /v1/admin/none HTTP/1.1", b"").await.status, 404);
    assert_eq!(setup.send("GET /v1/admin/echo HTTP/1.1", b"").await.status, 405);
    let ping = setup.send("GET /v1/ping HTTP/1.1", b"").await;
    let ping: Json = serde_json::from_str(&ping.body).unwrap();
    assert_eq!(
        (ping["version"].as_str(), ping["sessions"].as_u64()),
        (Some(env!("CARGO_PKG_VERSION")), Some(0))
    );
}
