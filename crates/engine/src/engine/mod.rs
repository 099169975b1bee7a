//! The engine: all parts put together, and the evaluation of calls.

mod admin;
mod cache;
mod calls;
mod codec;
mod config;
mod evaluate;
mod failed_exec;
mod lineage;
mod mount_points;
mod nearest;
mod observer;
mod open;
mod volumes;
mod watchers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use kukri_model::Digest;
use kukri_model::Encoder;
use kukri_model::schema::CacheRule;
use kukri_oci::RegistryClient;
use kukri_sandbox::Runtime;
use kukri_session::engine::SessionHandle;
use kukri_solver::{Solver, SolverConfig};
use kukri_store::{Spare, Store};
use tokio::sync::Semaphore;

use crate::args::{ArgValue, Args};
use crate::call::Call;
use crate::error::{OpError, OrFail};
use crate::operation::Operation;
use crate::progress::SpanNumbers;
use crate::registry::Registry;
use crate::session::Session;
use crate::value::Value;
use crate::vertex::{BlobRef, Vertex};

pub use kukri_sandbox::NetworkMode;
pub use kukri_store::{PruneOptions, PruneReport, Usage, VerifyOptions, is_in_use as store_is_in_use};

pub use admin::{prune_json, usage_json};
pub use config::{EngineConfig, ExecEnvironment};
pub use evaluate::Held;
pub use lineage::Lineage;
pub use open::{EngineOptions, NEEDS_ROOT, OpenEngineError};
pub use volumes::VolumeLocks;
pub use watchers::Watchers;

/// The argument by which a caller asks to look again at something of its machine.
const NO_CACHE: &str = "noCache";

/// Whether these arguments ask for that.
fn asks_again(args: &Args) -> bool {
    args.iter().any(|(name, value)| *name == NO_CACHE && matches!(value, ArgValue::Bool(true)))
}

/// The engine. One per store.
pub struct Engine {
    registry: Registry,
    root: Arc<Call>,
    calls: calls::Calls,
    unique: AtomicU64,
    spans: SpanNumbers,
    parts: OnceLock<Parts>,
    sessions: Mutex<Vec<Weak<Session>>>,
    searches: Semaphore,
    texts: Semaphore,
}

/// Most searches at a time. Each uses all processors, and a bounded but large piece of memory.
const SEARCHES: usize = 2;

/// Most bytes of texts that are read from the store at a time: an answer may ask for a thousand, each as long as a text may
/// be. In pieces of [`TEXT_PIECE`].
const TEXT_PIECES: u32 = 4096;
const TEXT_PIECE: u64 = 64 << 10;

/// What an engine needs to do work.
struct Parts {
    store: Store,
    solver: Solver<Vertex>,
    registry_client: RegistryClient,
    runtime: Arc<dyn Runtime>,
    environment: ExecEnvironment,
    watchers: Arc<Watchers>,
    volumes: VolumeLocks,
    secret_salt: [u8; 32],
}

impl Engine {
    /// An engine over the parts in `config`.
    #[must_use]
    pub fn new(config: EngineConfig) -> Arc<Self> {
        let engine = Self::in_memory(Registry::core());
        let watchers = Arc::new(Watchers::default());
        let solver = Solver::new(
            SolverConfig { slots: config.parallelism, ..SolverConfig::default() },
            Arc::new(cache::StoreCache(config.store.clone())),
            Arc::new(observer::Reporter::new(Arc::clone(&watchers))),
        );
        let parts = Parts {
            store: config.store,
            solver,
            registry_client: config.registry_client,
            runtime: config.runtime,
            environment: config.environment,
            watchers,
            volumes: VolumeLocks::default(),
            secret_salt: config.secret_salt,
        };
        assert!(engine.parts.set(parts).is_ok(), "a new engine has parts already");
        engine
    }

    /// An engine that knows operations but has no store and cannot do work: for tests of what lies above it.
    #[must_use]
    pub fn in_memory(registry: Registry) -> Arc<Self> {
        Arc::new(Self {
            registry,
            root: Call::root(),
            calls: calls::Calls::default(),
            unique: AtomicU64::new(1),
            spans: SpanNumbers::default(),
            parts: OnceLock::new(),
            sessions: Mutex::default(),
            searches: Semaphore::new(SEARCHES),
            texts: Semaphore::new(TEXT_PIECES as usize),
        })
    }

    /// A blob as text, when there is room for it. Bytes that are not UTF-8 are replaced.
    pub(crate) async fn read_text(&self, digest: Digest, size: u64) -> Result<String, OpError> {
        let pieces =
            u32::try_from(size / TEXT_PIECE + 1).map_or(TEXT_PIECES, |pieces| pieces.min(TEXT_PIECES));
        let _room = self.texts.acquire_many(pieces).await.or_fail()?;
        let store = self.store().clone();
        crate::blocking(move || store.read_blob(&digest).or_fail().map(crate::objects::text_of)).await
    }

    /// Places for searches.
    pub(crate) const fn searches(&self) -> &Semaphore {
        &self.searches
    }

    /// Whether a type's values are objects, which have calls of their own.
    #[must_use]
    pub fn is_object(&self, type_name: &str) -> bool {
        self.registry.objects.contains_key(type_name)
    }

    /// The session of a client.
    pub fn open_session(&self, handle: SessionHandle) -> Arc<Session> {
        let session = Arc::new(Session::of_client(handle, self.store()));
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(&session));
        session
    }

    /// IDs of the clients that are connected.
    #[must_use]
    pub fn client_ids(&self) -> Vec<String> {
        self.live_sessions().iter().filter_map(|session| session.client_id().map(str::to_owned)).collect()
    }

    fn live_sessions(&self) -> Vec<Arc<Session>> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().filter_map(Weak::upgrade).collect()
    }

    /// What clients that are connected may be about to use.
    fn spared(&self) -> Spare {
        let live = self.live_sessions();
        let began =
            live.iter().filter(|session| session.client_id().is_some()).map(|session| session.began());
        began.min().map_or(Spare::Nothing, Spare::Since)
    }

    fn parts(&self) -> &Parts {
        self.parts.get().expect("operations that do work need an engine with a store")
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.parts().store
    }

    /// The solver.
    #[must_use]
    pub fn solver(&self) -> &Solver<Vertex> {
        &self.parts().solver
    }

    /// The registry client that all sessions share, without credentials.
    #[must_use]
    pub fn registry_client(&self) -> &RegistryClient {
        &self.parts().registry_client
    }

    /// What runs containers.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.parts().runtime
    }

    /// What every exec gets from the engine's machine.
    #[must_use]
    pub fn environment(&self) -> &ExecEnvironment {
        &self.parts().environment
    }

    /// Who is told what a vertex writes.
    #[must_use]
    pub fn watchers(&self) -> &Arc<Watchers> {
        &self.parts().watchers
    }

    /// Locks of cache volumes.
    #[must_use]
    pub fn volumes(&self) -> &VolumeLocks {
        &self.parts().volumes
    }

    /// Identifies the engine's data for traces, whichever process works on them. Says nothing of the salt.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = Encoder::new("kukri.engine.id.v1").bytes(self.secret_salt()).finish();
        kukri_telemetry::context::hex(&digest.as_bytes()[..8])
    }

    /// What goes into the cache keys of secrets that are known by their value.
    #[must_use]
    pub fn secret_salt(&self) -> &[u8; 32] {
        &self.parts().secret_salt
    }

    /// A number for a span that is not a vertex.
    pub fn next_span(&self) -> u64 {
        self.spans.next()
    }

    /// All types and operations.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The call that is the root of every other.
    #[must_use]
    pub const fn root(&self) -> &Arc<Call> {
        &self.root
    }

    /// Appends a step to the graph of calls. Does no work.
    ///
    /// `args` must be coerced, in the order of the definition, without those equal to their default. Sensitive ones do not
    /// become part of the call: the session keeps them.
    #[must_use]
    pub fn step(
        &self,
        session: &Session,
        receiver: &Arc<Call>,
        operation: &'static Operation,
        args: Args,
    ) -> Arc<Call> {
        let scope: Option<Arc<str>> = match operation.def.cache {
            CacheRule::Pure => None,
            CacheRule::PerSession if !asks_again(&args) => Some(session.id().into()),
            CacheRule::PerSession | CacheRule::Never => {
                Some(format!("{}#{}", session.id(), self.unique.fetch_add(1, Ordering::Relaxed)).into())
            }
        };
        let is_sensitive = |(name, _): &(&str, ArgValue)| operation.is_sensitive(name);
        let (sensitive, args): (Args, Args) = if args.iter().any(is_sensitive) {
            args.into_iter().partition(is_sensitive)
        } else {
            (Args::new(), args)
        };
        let call = Call::step(receiver, operation, args, scope);
        if !sensitive.is_empty() {
            session.give(&call.digest, sensitive);
        }
        call
    }

    /// The call to go on from once `call` has given `value`: one that gives the same for good, where the operation knows
    /// one, else `call` itself.
    #[must_use]
    pub fn pinned(&self, session: &Session, call: &Arc<Call>, value: &Value) -> Arc<Call> {
        let Value::Object(object) = value else { return Arc::clone(call) };
        let pinned = call.operation.and_then(|operation| (operation.pinned)(self, call, object));
        let Some(pinned) = pinned else { return Arc::clone(call) };
        session.learn(&pinned.digest, value);
        pinned
    }

    /// The call of an operation of this registry without a limit to its identity.
    pub(crate) fn pure_step(
        &self,
        receiver: &Arc<Call>,
        on: &str,
        name: &str,
        args: Args,
    ) -> Option<Arc<Call>> {
        let operation = self.registry.operation(on, name)?;
        Some(Call::step(receiver, operation, args, None))
    }

    /// Keeps a call whose ID is given to a client, with all that it is made of, so that [`Engine::find_call`] knows it,
    /// now and after a restart.
    pub fn remember(&self, call: &Arc<Call>) -> Result<(), OpError> {
        self.calls.remember(self.parts.get().map(|parts| &parts.store), &self.registry, call)
    }

    /// The call with this digest, if its ID was ever given out by this engine's store.
    pub fn find_call(&self, digest: &Digest) -> Result<Option<Arc<Call>>, OpError> {
        self.calls.find(self.parts.get().map(|parts| &parts.store), &self.registry, digest)
    }

    /// Gives back the memory of everything that can be read from the store again: for when nobody uses the engine.
    pub async fn trim(&self) -> Result<(), OpError> {
        let Some(parts) = self.parts.get() else { return Ok(()) };
        self.calls.trim();
        parts.solver.forget_all();
        let store = parts.store.clone();
        crate::blocking(move || store.trim().or_fail()).await
    }

    /// What a command wrote, as text. Bytes that are not UTF-8 are replaced.
    pub async fn read_output(&self, output: &BlobRef) -> Result<String, OpError> {
        if output.size > crate::objects::MAX_TEXT {
            return Err(OpError::new(format!(
                "the command wrote {} bytes, too many to give as a text (at most {}); use redirectStdout or \
                 redirectStderr and export the file instead",
                output.size,
                crate::objects::MAX_TEXT
            )));
        }
        self.read_text(output.digest, output.size).await
    }
}
