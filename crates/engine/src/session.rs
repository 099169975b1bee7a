//! One client's session, as the engine sees it: what it has evaluated, and what only its machine has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kukri_model::Digest;
use tokio::sync::OnceCell;

use crate::value::Value;

/// A session. Ends with the client's connection.
pub struct Session {
    id: String,
    known: Mutex<HashMap<Digest, Value>>,
    once: Mutex<HashMap<Digest, Arc<OnceCell<Value>>>>,
}

impl Session {
    /// A new session.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self { id, known: Mutex::default(), once: Mutex::default() }
    }

    /// Unique among all sessions of all engines.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The object that a call gave earlier in this session.
    #[must_use]
    pub fn known(&self, digest: &Digest) -> Option<Value> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Keeps an object, so that later steps start from it. Texts and numbers are not kept: they may be large, and they
    /// are cheap to get again.
    pub fn learn(&self, digest: &Digest, value: &Value) {
        let keep = match value {
            Value::Object(_) => true,
            Value::List(items) => matches!(items.first(), Some(Value::Object(_))),
            _ => false,
        };
        if keep {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest, value.clone());
        }
    }

    /// The place for a value that is found out once in this session.
    #[must_use]
    pub fn once(&self, digest: &Digest) -> Arc<OnceCell<Value>> {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(once.entry(*digest).or_default())
    }
}
