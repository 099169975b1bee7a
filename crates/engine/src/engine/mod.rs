//! The engine: all parts put together, and the evaluation of calls.

mod evaluate;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kukri_model::Digest;
use kukri_model::schema::CacheRule;

use crate::args::Args;
use crate::call::Call;
use crate::error::OpError;
use crate::operation::Operation;
use crate::registry::Registry;
use crate::session::Session;

/// The engine. One per store.
pub struct Engine {
    registry: Registry,
    root: Arc<Call>,
    calls: Mutex<HashMap<Digest, Arc<Call>>>,
    unique: AtomicU64,
}

impl Engine {
    /// An engine.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            registry: Registry::core(),
            root: Call::root(),
            calls: Mutex::default(),
            unique: AtomicU64::new(1),
        })
    }

    /// All types and operations.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The call that is the root of every other.
    #[must_use]
    pub fn root(&self) -> &Arc<Call> {
        &self.root
    }

    /// Appends a step to the graph of calls. Does no work.
    ///
    /// `args` must be coerced, in the order of the definition, without those equal to their default.
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
            CacheRule::PerSession => Some(session.id().into()),
            CacheRule::Never => {
                Some(format!("{}#{}", session.id(), self.unique.fetch_add(1, Ordering::Relaxed)).into())
            }
        };
        Call::step(receiver, operation, args, scope)
    }

    /// Keeps a call whose ID is given to a client, with all that it is made of, so that [`Engine::find_call`] knows it,
    /// now and after a restart.
    pub fn remember(&self, call: &Arc<Call>) -> Result<(), OpError> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(call.digest, Arc::clone(call));
        Ok(())
    }

    /// The call with this digest, if its ID was ever given out by this engine's store.
    pub fn find_call(&self, digest: &Digest) -> Result<Option<Arc<Call>>, OpError> {
        Ok(self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned())
    }
}
