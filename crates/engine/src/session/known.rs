//! The objects that earlier calls of a session gave.

use std::sync::Mutex;

use kukri_model::{Digest, Generations};

use super::lock;
use crate::value::Value;

/// Most objects that a session keeps, in units of [weight](crate::value::ObjectType::weight); those beyond are made again
/// from their calls.
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

    /// Texts and numbers are not kept: they may be large, and they are cheap to get again. So are the elements of a list,
    /// which is kept as a whole.
    pub(super) fn learn(&self, digest: &Digest, value: &Value) {
        if holds_objects(value) {
            lock(&self.0).insert(*digest, value.clone(), weight(value));
        }
    }

    pub(super) fn forget(&self, digest: &Digest) {
        lock(&self.0).remove(digest);
    }
}

/// Whether a list is one of objects, or of lists of them.
fn holds_objects(value: &Value) -> bool {
    match value {
        Value::List(items) => {
            items.iter().find(|item| !matches!(item, Value::Null)).is_some_and(holds_objects)
        }
        Value::Object(_) => true,
        _ => false,
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.weight(),
        Value::List(items) => items.iter().map(weight).sum(),
        _ => 0,
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
