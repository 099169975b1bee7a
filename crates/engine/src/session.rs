//! One client's session, as the engine sees it: what it has evaluated, and what only its machine has.

mod host;
mod known;
mod once;
mod references;
mod registry_auth;
mod sink;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kukri_model::{Digest, Platform};
use kukri_oci::{Reference, RegistryClient, Resolved};
use kukri_session::engine::SessionHandle;
use kukri_store::{Stay, Store};
use kukri_telemetry::SpanKind;

use crate::args::Args;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::objects::secret::Secret;
use crate::progress::Progress;
use crate::value::Value;

pub use host::HostPath;
use known::KnownObjects;
pub use once::Once;
use registry_auth::SessionAuth;

/// What a reference means, once it is found out.
type Finding = Arc<Once<Arc<Resolved>>>;

/// Most objects of calls that are never the same which a session keeps.
const MOST_LATE: usize = 16;

/// A session. Ends with the client's connection.
pub struct Session {
    id: String,
    known: KnownObjects,
    once: Mutex<HashMap<Digest, Arc<Once<Value>>>>,
    late: Mutex<VecDeque<(Digest, Arc<Once<Value>>)>>,
    given: Mutex<HashMap<Digest, Args>>,
    secrets: Mutex<HashMap<Digest, Arc<[u8]>>>,
    resolved: Mutex<HashMap<(String, String), Finding>>,
    handle: Option<SessionHandle>,
    progress: Progress,
    auth: Arc<SessionAuth>,
    registry: Mutex<Option<RegistryClient>>,
    /// Values of the session refer to what is in the store, however long it lasts.
    _stay: Option<Stay>,
    began: Instant,
}

impl Session {
    /// A session without a client's machine: for work of the engine's own and for tests.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self::build(id, None, None)
    }

    /// The session of a client.
    #[must_use]
    pub fn of_client(handle: SessionHandle, store: &Store) -> Self {
        Self::build(handle.hello().session_id.clone(), Some(handle), Some(store.stay()))
    }

    fn build(id: String, handle: Option<SessionHandle>, stay: Option<Stay>) -> Self {
        Self {
            id,
            known: KnownObjects::default(),
            once: Mutex::default(),
            late: Mutex::default(),
            given: Mutex::default(),
            secrets: Mutex::default(),
            resolved: Mutex::default(),
            progress: Progress::new(handle.clone()),
            handle,
            auth: Arc::default(),
            registry: Mutex::default(),
            _stay: stay,
            began: Instant::now(),
        }
    }

    /// Unique among all sessions of all engines.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where what happens is told.
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The object that a call gave earlier in this session, if it is still kept.
    #[must_use]
    pub fn known(&self, digest: &Digest) -> Option<Value> {
        self.known.get(digest)
    }

    /// Keeps an object, so that later steps start from it.
    pub fn learn(&self, digest: &Digest, value: &Value) {
        self.known.learn(digest, value);
    }

    /// The place for a value that is found out once in this session.
    #[must_use]
    pub fn once(&self, digest: &Digest) -> Arc<Once<Value>> {
        Arc::clone(lock(&self.once).entry(*digest).or_default())
    }

    /// The same for calls of which there are ever new ones: only the last few are kept.
    #[must_use]
    pub fn once_of_late(&self, digest: &Digest) -> Arc<Once<Value>> {
        let mut late = lock(&self.late);
        if let Some((_, cell)) = late.iter().find(|(known, _)| known == digest) {
            return Arc::clone(cell);
        }
        if late.len() == MOST_LATE {
            late.pop_front();
        }
        let cell = Arc::default();
        late.push_back((*digest, Arc::clone(&cell)));
        cell
    }

    /// When it began: nothing that it relies on was last written or asked for before.
    #[must_use]
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// The ID that its client gave itself; none for sessions without one, and where the client has gone.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.handle.as_ref().filter(|handle| !handle.is_closed()).map(|handle| &*handle.hello().client_id)
    }

    /// Takes the sensitive arguments of a call. The call is the same whatever they are, so what it gave before is forgotten.
    pub fn give(&self, digest: &Digest, args: Args) {
        lock(&self.given).insert(*digest, args);
        lock(&self.once).remove(digest);
        self.known.forget(digest);
    }

    /// The sensitive arguments of a call; none in sessions that were not given any.
    #[must_use]
    pub fn given(&self, digest: &Digest) -> Args {
        lock(&self.given).get(digest).cloned().unwrap_or_default()
    }

    /// Gives a secret its value in this session.
    pub fn set_secret(&self, secret: &Secret, plaintext: String) {
        self.progress.hide(plaintext.as_bytes());
        lock(&self.secrets).insert(secret.identity, plaintext.into_bytes().into());
    }

    /// The value of a secret: what this session was given, or what its client finds.
    pub async fn secret(&self, secret: &Secret) -> Result<Arc<[u8]>, OpError> {
        if let Some(value) = lock(&self.secrets).get(&secret.identity) {
            return Ok(Arc::clone(value));
        }
        if secret.uri.is_empty() {
            return Err(OpError::new(format!(
                "secret \"{}\" is not known in this session: call setSecret in the session that uses it",
                secret.name
            )));
        }
        self.look_up(secret).await
    }

    /// The value of a secret, looked up anew where the client has it. From now on it is the one that counts.
    pub async fn secret_of_now(&self, secret: &Secret) -> Result<Arc<[u8]>, OpError> {
        if secret.uri.is_empty() { self.secret(secret).await } else { self.look_up(secret).await }
    }

    async fn look_up(&self, secret: &Secret) -> Result<Arc<[u8]>, OpError> {
        let value: Arc<[u8]> = Arc::from(&self.client()?.read_secret(&secret.uri).await.or_fail()?[..]);
        self.progress.hide(&value);
        lock(&self.secrets).insert(secret.identity, Arc::clone(&value));
        Ok(value)
    }

    /// What a reference means for a platform: found out once in this session, and once for all with a digest.
    pub async fn resolve(
        &self,
        engine: &Arc<Engine>,
        client: &RegistryClient,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Arc<Resolved>, OpError> {
        let store = engine.store();
        let key = (reference.to_string(), platform.to_string());
        let cell = Arc::clone(lock(&self.resolved).entry(key).or_default());
        let find = async {
            let recall = |pinned: Reference| -> BoxFuture<'static, Option<Resolved>> {
                let (known, on) = (store.clone(), platform.clone());
                let look = move || Ok(references::recall(&known, &pinned, &on));
                crate::blocking(look).map(|found| found.ok().flatten()).boxed()
            };
            if reference.digest().is_some()
                && let Some(recalled) = recall(reference.clone()).await
            {
                return Ok(Arc::new(recalled));
            }
            let known = |digest| recall(reference.with_digest(digest));
            let resolved = client.resolve_known(reference, platform, &known).await.or_fail()?;
            let resolved = Arc::new(resolved);
            let (known, found) = (store.clone(), Arc::clone(&resolved));
            // For later sessions: nobody waits for it.
            tokio::task::spawn_blocking(move || references::keep(&known, &found));
            Ok(resolved)
        };
        let label = || format!("resolve {reference}");
        let told = || self.progress.quietly(engine, label, SpanKind::Resolve, find);
        cell.get_or_try_init(told).await.cloned()
    }

    /// The registry client with this session's credentials.
    #[must_use]
    pub fn registry(&self, shared: &RegistryClient) -> RegistryClient {
        lock(&self.registry).get_or_insert_with(|| shared.with_auth(self.auth.clone())).clone()
    }

    /// Sets or forgets the credentials for a registry, or for a repository of it.
    pub fn set_registry_auth(&self, address: &str, credentials: Option<(String, String)>) {
        if self.auth.set(address, credentials) {
            lock(&self.resolved).clear();
            // The client keeps what registries gave for the credentials before.
            *lock(&self.registry) = None;
        }
    }

    /// The client's machine.
    pub(crate) fn client(&self) -> Result<&SessionHandle, OpError> {
        self.handle
            .as_ref()
            .ok_or_else(|| OpError::new("this session has no client whose machine could be reached"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kukri_session::engine::EngineLink;
    use kukri_session::{ClientHello, EngineHello};
    use kukri_store::{PruneOptions, StoreConfig};

    use super::*;

    #[tokio::test]
    async fn what_is_in_the_store_stays_as_long_as_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let grace = Duration::from_millis(100);
        let store = Store::open(StoreConfig { grace, ..StoreConfig::new(dir.path().join("store")) }).unwrap();
        let (io, _client) = tokio::io::duplex(1 << 16);
        let (handle, _driver) =
            EngineLink::accept(io, ClientHello::new("c", "s", "/"), &EngineHello::new("")).unwrap();
        let session = Session::of_client(handle, &store);
        let blob = store.put_blob(b"made by an early step, used by a late one").unwrap();
        let is_there_later = || {
            std::thread::sleep(grace * 3);
            store.prune(&PruneOptions::default()).unwrap();
            store.has_blobs(&[blob]).unwrap()[0]
        };
        assert!(is_there_later());
        drop(session);
        assert!(!is_there_later());
    }
}
