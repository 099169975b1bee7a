//! The first of the two graphs: what a client asked for.
//!
//! A call is a receiver, an operation and arguments. Its digest is its identity and its ID on the wire. Making a call
//! does no work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kukri_model::{Digest, Encoder};

use crate::args::{ArgValue, Args};
use crate::operation::Operation;

/// One step of what a client asked for.
pub struct Call {
    /// Identity: of receiver, operation, arguments, scope and index.
    pub digest: Digest,
    /// The call whose result this is called on; `None` for the root.
    pub receiver: Option<Arc<Call>>,
    /// The operation; `None` for the root object itself.
    pub operation: Option<&'static Operation>,
    /// Arguments that differ from their default, in the order of the definition.
    pub args: Args,
    /// Element of a list result: index from 0.
    pub nth: Option<usize>,
    /// What limits the identity: the client's session, or a number that is never used again.
    pub scope: Option<Arc<str>>,
    /// Name of the object type this makes, or of the scalar.
    pub type_name: &'static str,
    /// Whether it was once found in the store, or put there.
    learnt: AtomicBool,
}

impl Call {
    /// The root: the `Query` object.
    #[must_use]
    pub fn root() -> Arc<Self> {
        let digest = Encoder::new("kukri.call.root.v1").finish();
        Arc::new(Self {
            digest,
            receiver: None,
            operation: None,
            args: Vec::new(),
            nth: None,
            scope: None,
            type_name: "Query",
            learnt: AtomicBool::new(false),
        })
    }

    /// A step on `receiver`. `args` must be in the order of the definition, without those equal to their default.
    #[must_use]
    pub fn step(
        receiver: &Arc<Self>,
        operation: &'static Operation,
        args: Args,
        scope: Option<Arc<str>>,
    ) -> Arc<Self> {
        let def = operation.def;
        let mut key = Encoder::new("kukri.call.v1");
        key.digest(&receiver.digest).str(def.on).str(def.name).opt_str(scope.as_deref());
        let visible = |name: &str| !operation.is_sensitive(name);
        key.list(args.iter().filter(|(name, _)| visible(name)).count());
        for (name, value) in args.iter().filter(|(name, _)| visible(name)) {
            key.str(name);
            value.encode(&mut key);
        }
        Arc::new(Self {
            digest: key.finish(),
            receiver: Some(Arc::clone(receiver)),
            operation: Some(operation),
            args,
            nth: None,
            scope,
            type_name: def.returns.base(),
            learnt: AtomicBool::new(false),
        })
    }

    /// Element `index` of the list that `list` gives.
    #[must_use]
    pub fn element(list: &Arc<Self>, index: usize) -> Arc<Self> {
        let mut key = Encoder::new("kukri.call.nth.v1");
        key.digest(&list.digest).u64(index as u64);
        Arc::new(Self {
            digest: key.finish(),
            receiver: Some(Arc::clone(list)),
            operation: None,
            args: Vec::new(),
            nth: Some(index),
            scope: None,
            type_name: list.type_name,
            learnt: AtomicBool::new(false),
        })
    }

    /// Notes that the store has it: it pays to look for it among the calls that are known.
    pub(crate) fn learn(&self) {
        self.learnt.store(true, Ordering::Relaxed);
    }

    /// Whether the store has or had it, as far as this piece of memory knows. Another one may stand for the same call.
    pub(crate) fn was_learnt(&self) -> bool {
        self.learnt.load(Ordering::Relaxed)
    }

    /// `Type.field` for messages.
    #[must_use]
    pub fn label(&self) -> String {
        self.operation
            .map_or_else(|| self.type_name.to_owned(), |op| format!("{}.{}", op.def.on, op.def.name))
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{:?}", self.label(), self.digest)
    }
}

/// Chains get thousands of steps long: dropping one must not recurse along it.
impl Drop for Call {
    fn drop(&mut self) {
        let mut pending: Vec<Arc<Self>> = Vec::new();
        take_calls(self, &mut pending);
        while let Some(call) = pending.pop() {
            if let Some(mut call) = Arc::into_inner(call) {
                take_calls(&mut call, &mut pending);
            }
        }
    }
}

fn take_calls(call: &mut Call, pending: &mut Vec<Arc<Call>>) {
    pending.extend(call.receiver.take());
    for (_, value) in call.args.drain(..) {
        take_refs(value, pending);
    }
}

fn take_refs(value: ArgValue, pending: &mut Vec<Arc<Call>>) {
    match value {
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => pending.push(call),
        ArgValue::List(items) => items.into_iter().for_each(|item| take_refs(item, pending)),
        ArgValue::Object(fields) => fields.into_iter().for_each(|(_, value)| take_refs(value, pending)),
        _ => {}
    }
}
