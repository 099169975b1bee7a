//! The objects that earlier calls of a session gave.

use std::sync::Mutex;

use kukri_model::{Digest, Generations};

use super::lock;
use crate::value::Value;

/// Most objects that a session keeps; those beyond are made again from their calls.
const MOST: usize = 32_768;

/// Objects by the digest of their call. Only a shortcut: all of it can be made again.
pub(super) struct KnownObjects(Mutex<Generations<Value>>);

impl Default for KnownObjects {
    fn default() -> Self {
        Self(Mutex::new(Generations::new(MOST)))
    }
}

impl KnownObjects {
    pub(super) fn get(&self, digest: &Digest) -> Option<Value> {
        lock(&self.0).get(digest).cloned()
    }

    /// Texts and numbers are not kept: they may be large, and they are cheap to get again.
    pub(super) fn learn(&self, digest: &Digest, value: &Value) {
        let keep = match value {
            Value::Object(_) => true,
            Value::List(items) => matches!(items.first(), Some(Value::Object(_))),
            _ => false,
        };
        if keep {
            lock(&self.0).insert(*digest, value.clone(), 1);
        }
    }

    pub(super) fn forget(&self, digest: &Digest) {
        lock(&self.0).remove(digest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::objects::query::Query;
    use crate::value::ObjectValue;

    #[test]
    fn a_long_session_keeps_a_bounded_number_of_objects() {
        let known = KnownObjects::default();
        let object = Value::Object(ObjectValue::new(Arc::new(Query)));
        let digest = |number: usize| Digest::of(&number.to_le_bytes());
        for number in 0..3 * MOST {
            known.learn(&digest(number), &object);
        }
        assert!(lock(&known.0).len() <= MOST);
        assert!(known.get(&digest(3 * MOST - 1)).is_some() && known.get(&digest(0)).is_none());
        known.learn(&digest(0), &Value::Int(1));
        assert!(known.get(&digest(0)).is_none(), "not an object");
    }
}
