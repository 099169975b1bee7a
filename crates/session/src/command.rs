//! The life of `kukri session` and `kukri listen`, except printing and signals.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::EngineHello;
use crate::client::{Client, ConnectConfig, ConnectError, connect};
use crate::launch::{LaunchConfig, LaunchError, ensure_engine};
use crate::proxy::{ProxyConfig, ProxyServer, loopback, serve};

/// How often a session is opened anew when the engine ends (because it was idle) just before.
const ATTEMPTS: usize = 3;

/// How long an SDK's connection may be without a request while others wait for its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a session needs.
#[derive(Clone)]
pub struct SessionConfig {
    /// How to start an engine; none: there must be one.
    pub launch: Option<LaunchConfig>,
    /// How to open the session. Its socket must be that of `launch`. Telemetry of clients goes where that of containers
    /// goes.
    pub connect: ConnectConfig,
    /// Most connections of SDKs at a time; 400 is a good value.
    pub max_connections: usize,
}

impl std::fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionConfig").field("connect", &self.connect).finish_non_exhaustive()
    }
}

/// Where a session is served, and for whom.
pub struct Door {
    /// Where SDKs connect.
    pub listener: TcpListener,
    /// What they must present; none: one is made.
    pub token: Option<String>,
    /// Whether pages in browsers may come from any origin. They need the token like everybody else.
    pub allow_cors: bool,
}

impl Door {
    /// A free port of 127.0.0.1, for who knows a token that nobody else had.
    pub async fn loopback() -> io::Result<Self> {
        Ok(Self { listener: loopback().await?, token: None, allow_cors: false })
    }
}

/// Leaves out the token.
impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// Why the session could not begin.
#[derive(Debug, thiserror::Error)]
pub enum SessionCommandError {
    /// No engine.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Nothing to listen on, or no random bytes.
    #[error("cannot serve the session: {0}")]
    Serve(#[from] io::Error),
}

/// A session that SDKs can use.
#[derive(Debug)]
pub struct RunningSession {
    client: Client,
    server: ProxyServer,
    token: String,
}

impl RunningSession {
    /// Finds or starts the engine, opens the session, serves `/query` on loopback.
    pub async fn start(config: SessionConfig) -> Result<Self, SessionCommandError> {
        let door = Door::loopback().await?;
        Self::start_at(door, config).await
    }

    /// Finds or starts the engine, opens the session, serves `/query` at a door.
    pub async fn start_at(door: Door, config: SessionConfig) -> Result<Self, SessionCommandError> {
        let client = open(&config).await?;
        let token = door.token.map_or_else(random_token, Ok)?;
        let log_path = match (client.engine().log_path.as_str(), &config.launch) {
            ("", Some(launch)) => launch.log_path.to_string_lossy().into_owned(),
            (log_path, _) => log_path.to_owned(),
        };
        let proxy = ProxyConfig {
            token: token.clone(),
            engine_socket: config.connect.socket.clone(),
            session_id: config.connect.hello.session_id.clone(),
            log_path,
            engine_gone: client.ended(),
            max_connections: config.max_connections,
            patience: PATIENCE,
            telemetry: config.connect.telemetry.clone(),
            events: Some(client.own_events()),
            allow_cors: door.allow_cors,
        };
        let server = serve(door.listener, proxy)?;
        Ok(Self { client, server, token })
    }

    /// Where it is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The port where it is served.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address().port()
    }

    /// The token SDKs must present.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the engine said of itself.
    #[must_use]
    pub fn engine(&self) -> &EngineHello {
        self.client.engine()
    }

    /// The next progress event; none when the engine has gone.
    pub async fn next_event(&mut self) -> Option<Bytes> {
        self.client.next_event().await
    }

    /// A progress event that has come already.
    pub fn waiting_event(&mut self) -> Option<Bytes> {
        self.client.waiting_event()
    }

    /// Returns when the engine has gone, though nobody asked it to.
    pub async fn engine_gone(&self) {
        self.client.ended().cancelled().await;
    }

    /// Stops serving, which cancels what runs, and asks the engine to end the session. The last events can still be
    /// taken; without interest in them, see [`RunningSession::shutdown`].
    pub async fn begin_shutdown(self) -> Client {
        self.server.stop().await;
        self.client.finish();
        self.client
    }

    /// Stops serving, ends the engine's session and waits for it, at most `timeout`.
    pub async fn shutdown(self, timeout: Duration) {
        self.begin_shutdown().await.close(timeout).await;
    }
}

async fn open(config: &SessionConfig) -> Result<Client, SessionCommandError> {
    let mut attempt = 1;
    loop {
        if let Some(launch) = &config.launch {
            ensure_engine(launch).await?;
        }
        match connect(config.connect.clone()).await {
            Err(ConnectError::NotRunning { .. } | ConnectError::Io { .. })
                if config.launch.is_some() && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            result => return Ok(result?),
        }
    }
}

/// 128 random bits in hexadecimal digits: the same in both alphabets of base64 that SDKs use.
pub(crate) fn random_token() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
