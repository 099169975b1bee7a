//! `kukri engine`: the engine itself, and questions to the running one.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use kukri_api::http::{AdminError, AdminHandler, Server, ServerConfig, SessionFactory, SessionTable};
use kukri_engine::Engine;
use kukri_engine::engine::{EngineOptions, store_is_in_use, usage_json};
use kukri_session::{EngineHello, socket};
use serde_json::{Value as Json, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::cache;
use crate::admin;
use crate::args::{EngineArgs, EngineCommand};
use crate::fail::{Failure, Outcome, out};
use crate::settings::{self, EngineSettings};

/// Runs an engine in the foreground, or asks the running one.
pub async fn engine(args: EngineArgs) -> Outcome {
    match args.ask {
        None => serve(&args.settings).await,
        Some(EngineCommand::Status { json }) => status(json).await,
        Some(EngineCommand::Stop) => stop().await,
    }
}

async fn serve(settings: &EngineSettings) -> Outcome {
    let started = std::time::Instant::now();
    log()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The terminal from which the engine was started may go away.
    let _hangup = signal(SignalKind::hangup())?;
    let places = settings.places()?;
    let options = settings.options()?;
    let idle = settings.idle_timeout()?;
    // Under its own name, so that only the user whose engine this is can reach what lies in it.
    std::fs::create_dir_all(&places.root)
        .map_err(|error| Failure::new(format!("cannot make {}: {error}", places.root.display())))?;
    let engine = open(&options, &places.socket).await?;
    let shutdown = CancellationToken::new();
    let sessions: SessionFactory = {
        let engine = Arc::clone(&engine);
        Arc::new(move |handle| {
            let session = engine.open_session(handle);
            Box::pin(async move { Ok(session) })
        })
    };
    let mut hello = EngineHello::new(places.log.to_string_lossy());
    hello.id = engine.id();
    let mut pretended = None;
    if let Some((version, protocol)) = settings::pretended_version()? {
        (hello.version, hello.protocol) = (version.clone(), protocol);
        pretended = Some(version);
    }
    let mut config = ServerConfig::new(hello, sessions);
    let clients: Arc<OnceLock<Arc<SessionTable>>> = Arc::default();
    config.admin = Some(admin_handler(&engine, &shutdown, &clients, pretended));
    config.grace = std::time::Duration::from_millis(200);
    let server = Server::new(Arc::clone(&engine), config);
    let listener = socket::listen(&places.socket).await?;
    tracing::info!(
        socket = %places.socket.display(),
        version = super::version::TEXT,
        after_ms = started.elapsed().as_millis() as u64,
        "the engine listens"
    );
    let table = Arc::clone(server.sessions());
    let _ = clients.set(Arc::clone(&table));
    let caretaker = tokio::spawn(super::care::look_after_store(Arc::clone(&engine)));
    let trimming = {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.trim_when_idle(TRIM_DELAY).await })
    };
    let serving = tokio::spawn(server.serve(listener, shutdown.clone()));
    let idle = async {
        match idle {
            Some(time) => table.idle(time).await,
            None => std::future::pending().await,
        }
    };
    let why = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = shutdown.cancelled() => "it was asked to",
        () = idle => "nobody has used it for a while",
    };
    tracing::info!(why, "the engine ends");
    // First the name, so that nobody connects to an engine that is about to end.
    let _ = std::fs::remove_file(&places.socket);
    shutdown.cancel();
    caretaker.abort();
    trimming.abort();
    let _ = serving.await;
    Ok(ExitCode::SUCCESS)
}

/// After so long without a client, the engine gives the memory of its caches back. Long enough that a pipeline which is
/// run again and again finds them filled.
const TRIM_DELAY: std::time::Duration = std::time::Duration::from_secs(30);

/// How long an engine waits for the one before it to give the store back.
const STORE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// How long it waits without a word: an engine that ends is usually gone by then.
const QUIET: std::time::Duration = std::time::Duration::from_secs(1);

/// Opens the engine. One that is just ending has left its socket already, but may still hold the store; one that
/// answers is not about to end, so there is nothing to wait for.
async fn open(options: &EngineOptions, socket: &std::path::Path) -> Result<Arc<Engine>, Failure> {
    let started = std::time::Instant::now();
    let mut told = false;
    loop {
        let error = match tokio::task::block_in_place(|| Engine::open(options.clone())) {
            Ok(engine) => return Ok(engine),
            Err(error) => error,
        };
        if !error.is_store_in_use() {
            return Err(error.into());
        }
        if tokio::net::UnixStream::connect(socket).await.is_ok() {
            return Err(Failure::new(error.to_string()).hint(format!(
                "that engine answers at {}: use it, stop it with `kukri engine stop`, or give this one another --root",
                socket.display()
            )));
        }
        if started.elapsed() > STORE_TIMEOUT {
            return Err(Failure::new(error.to_string())
                .hint("stop the engine that has it, or give this one another --root"));
        }
        if started.elapsed() > QUIET && !std::mem::replace(&mut told, true) {
            tracing::warn!("{error}; waiting up to {} s for it to end", STORE_TIMEOUT.as_secs());
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn log() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(settings::log_filter()?)
        .with_writer(|| Log(std::io::stderr()))
        // It would be printed where nothing can be written to, which panics.
        .log_internal_errors(false)
        .with_ansi(false)
        .init();
    Ok(())
}

/// The log lies on the disk of the engine's root. When that is full or read-only, lines are lost, and nothing else.
struct Log(std::io::Stderr);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

fn admin_handler(
    engine: &Arc<Engine>,
    shutdown: &CancellationToken,
    table: &Arc<OnceLock<Arc<SessionTable>>>,
    pretended: Option<String>,
) -> AdminHandler {
    let version = pretended.unwrap_or_else(|| super::version::TEXT.to_owned());
    let (engine, shutdown, table) = (Arc::clone(engine), shutdown.clone(), Arc::clone(table));
    Arc::new(move |verb, body| {
        let (engine, shutdown) = (Arc::clone(&engine), shutdown.clone());
        let version = version.clone();
        let clients = table.get().map_or(0, |table| table.activity().sessions);
        Box::pin(async move {
            let failed = |error: kukri_engine::OpError| AdminError::Failed(error.to_string());
            match verb.as_str() {
                "status" => {
                    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
                    let pid = std::process::id();
                    Ok(json!({ "version": version, "pid": pid, "sessions": clients, "tasks": tasks }))
                }
                "stop" => {
                    // After the answer.
                    tokio::spawn(async move {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        shutdown.cancel();
                    });
                    Ok(json!({ "store": engine.store().root() }))
                }
                "du" => engine.usage().await.map(|usage| usage_json(&usage)).map_err(failed),
                "gc" => engine.collect().await.map_err(failed),
                "prune" => engine
                    .prune(cache::prune_options(&body).map_err(AdminError::BadRequest)?)
                    .await
                    .map_err(failed),
                "verify" => engine.verify(cache::verify_options(&body)).await.map_err(failed),
                "why" => {
                    let step = body.get("step").and_then(Json::as_str).unwrap_or_default();
                    engine.why(step).await.map_err(failed)
                }
                _ => Err(AdminError::UnknownVerb(verb)),
            }
        })
    })
}

async fn status(as_json: bool) -> Outcome {
    let places = settings::from_environment()?.places()?;
    let Some(mut engine) = admin::connect(&places).await? else {
        out(&if as_json {
            format!("{}\n", json!({ "running": false }))
        } else {
            "no engine is running; one starts when a pipeline needs it\n".to_owned()
        })?;
        return Ok(ExitCode::from(1));
    };
    let mut answer = engine.ask("status", &Json::Null).await?;
    if as_json {
        answer["running"] = json!(true);
        for (key, path) in [("socket", &places.socket), ("data", &places.root), ("log", &places.log)] {
            answer[key] = json!(path.to_string_lossy());
        }
        out(&format!("{answer}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = |key: &str| {
        answer.get(key).map_or_else(String::new, |value| value.to_string().trim_matches('"').to_owned())
    };
    out(&format!(
        "running: version {}, process {}\nsocket:  {}\ndata:    {}\nlog:     {}\n",
        text("version"),
        text("pid"),
        places.socket.display(),
        places.root.display(),
        places.log.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How long an engine may take to end.
const STOP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

async fn stop() -> Outcome {
    let places = settings::from_environment()?.places()?;
    let process = process(&places.socket).await;
    let answer = admin::ask(&places, "stop", &Json::Null).await?;
    // An engine tells where its store is: it may have been started with another root than this command knows.
    let store = answer["store"].as_str().map_or_else(|| places.root.join("store"), std::path::PathBuf::from);
    let started = std::time::Instant::now();
    // Gone means that its store can be opened again, and that it has no file of it open.
    while tokio::net::UnixStream::connect(&places.socket).await.is_ok()
        || store_is_in_use(&store)
        || process.as_ref().is_some_and(runs)
    {
        if started.elapsed() > STOP_TIMEOUT {
            return Err(Failure::new(format!("the engine did not end within {} s", STOP_TIMEOUT.as_secs()))
                .hint(format!("its log is {}", places.log.display())));
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// The engine's process, where it can be seen from here.
async fn process(socket: &std::path::Path) -> Option<std::os::fd::OwnedFd> {
    let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    let pid = rustix::process::Pid::from_raw(stream.peer_cred().ok()?.pid()?)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

/// A descriptor of a process can be read once the process has ended.
fn runs(process: &std::os::fd::OwnedFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)) == Ok(0)
}
