//! Calls as the store keeps them. Those that are given out together share a row: a chain of thousands is one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use kukri_model::Digest;
use serde::{Deserialize, Serialize};

use crate::args::ArgValue;
use crate::call::Call;
use crate::error::{OpError, OrFail};
use crate::registry::Registry;

/// A row of the store.
#[derive(Serialize, Deserialize)]
pub(super) struct Row<'a> {
    /// What a call is made of comes before it; the last one is the call whose row this is.
    calls: Vec<Item<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Item<'a> {
    /// A call that is kept elsewhere.
    Outer(Outer),
    Call(Kept<'a, usize>),
}

/// A call that is kept elsewhere: its digest, and that of the call whose row has it, or leads to it.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Outer {
    pub(super) call: Digest,
    pub(super) row: Digest,
}

/// A call. Others are named by `R`: by their place in the row.
#[derive(Serialize, Deserialize)]
struct Kept<'a, R> {
    receiver: Option<R>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    args: Vec<(Cow<'a, str>, KeptArg<'a, R>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nth: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptArg<'a, R> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Cow<'a, str>),
    Enum(Cow<'a, str>),
    List(Vec<KeptArg<'a, R>>),
    Object(Vec<(Cow<'a, str>, KeptArg<'a, R>)>),
    Ref(R),
}

/// A row that is being put together.
#[derive(Default)]
pub(super) struct Gathered {
    /// Calls that are to be kept here, after what they are made of.
    pub(super) calls: Vec<Arc<Call>>,
    order: Vec<Result<usize, Outer>>,
    places: HashMap<Digest, usize>,
}

impl Gathered {
    /// Whether the call has its place already.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.places.contains_key(digest)
    }

    /// Adds a call that is kept elsewhere.
    pub(super) fn outer(&mut self, outer: Outer) {
        self.places.insert(outer.call, self.order.len());
        self.order.push(Err(outer));
    }

    /// Adds a call, after what it is made of.
    pub(super) fn call(&mut self, call: Arc<Call>) {
        self.places.insert(call.digest, self.order.len());
        self.order.push(Ok(self.calls.len()));
        self.calls.push(call);
    }

    /// As the store keeps it.
    pub(super) fn encode(&self) -> Result<Vec<u8>, OpError> {
        let item = |item: &Result<usize, Outer>| match item {
            Ok(at) => Item::Call(keep(&self.calls[*at], &self.places)),
            Err(outer) => Item::Outer(*outer),
        };
        serde_json::to_vec(&Row { calls: self.order.iter().map(item).collect() }).or_fail()
    }
}

impl Row<'static> {
    /// From bytes; nothing if they are not a row. Earlier engines kept each call by itself.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if let Ok(row) = serde_json::from_slice::<Self>(bytes) {
            return Some(row);
        }
        let single: Kept<'static, Digest> = serde_json::from_slice(bytes).ok()?;
        let mut calls = Vec::new();
        let single = single.renamed(&mut |call| {
            calls.push(Item::Outer(Outer { call, row: call }));
            calls.len() - 1
        });
        calls.push(Item::Call(single));
        Some(Self { calls })
    }

    /// What is kept elsewhere.
    pub(super) fn outer(&self) -> impl Iterator<Item = &Outer> {
        self.calls.iter().filter_map(|item| match item {
            Item::Outer(outer) => Some(outer),
            Item::Call(_) => None,
        })
    }

    /// The calls that are kept here, after what they are made of; nothing where the row does not fit this engine.
    pub(super) fn rebuild(
        &self,
        registry: &Registry,
        mut outer: impl FnMut(&Outer) -> Option<Arc<Call>>,
    ) -> Option<Vec<Arc<Call>>> {
        let mut all: Vec<Arc<Call>> = Vec::with_capacity(self.calls.len());
        let mut here = Vec::with_capacity(self.calls.len());
        for item in &self.calls {
            let call = match item {
                Item::Outer(wanted) => outer(wanted)?,
                Item::Call(kept) => {
                    let call = kept.rebuild(registry, &all)?;
                    here.push(Arc::clone(&call));
                    call
                }
            };
            all.push(call);
        }
        Some(here)
    }
}

fn keep<'a>(call: &'a Call, places: &HashMap<Digest, usize>) -> Kept<'a, usize> {
    let sensitive = |name: &str| {
        call.operation
            .is_some_and(|operation| operation.def.args.iter().any(|arg| arg.name == name && arg.sensitive))
    };
    Kept {
        receiver: call.receiver.as_ref().map(|receiver| places[&receiver.digest]),
        operation: call.operation.map(|operation| (operation.def.on.into(), operation.def.name.into())),
        args: call
            .args
            .iter()
            .filter(|(name, _)| !sensitive(name))
            .map(|(name, value)| ((*name).into(), keep_arg(value, places)))
            .collect(),
        nth: call.nth,
        scope: call.scope.as_deref().map(Into::into),
    }
}

fn keep_arg<'a>(value: &'a ArgValue, places: &HashMap<Digest, usize>) -> KeptArg<'a, usize> {
    match value {
        ArgValue::Null => KeptArg::Null,
        ArgValue::Bool(value) => KeptArg::Bool(*value),
        ArgValue::Int(value) => KeptArg::Int(*value),
        ArgValue::Float(value) => KeptArg::Float(*value),
        ArgValue::String(text) => KeptArg::String((&**text).into()),
        ArgValue::Enum(name) => KeptArg::Enum((&**name).into()),
        ArgValue::List(items) => KeptArg::List(items.iter().map(|item| keep_arg(item, places)).collect()),
        ArgValue::Object(fields) => KeptArg::Object(
            fields.iter().map(|(name, value)| ((*name).into(), keep_arg(value, places))).collect(),
        ),
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => KeptArg::Ref(places[&call.digest]),
    }
}

impl<'a, R> Kept<'a, R> {
    fn renamed<S>(self, name: &mut impl FnMut(R) -> S) -> Kept<'a, S> {
        Kept {
            receiver: self.receiver.map(&mut *name),
            operation: self.operation,
            args: self.args.into_iter().map(|(arg, value)| (arg, value.renamed(name))).collect(),
            nth: self.nth,
            scope: self.scope,
        }
    }
}

impl<'a, R> KeptArg<'a, R> {
    fn renamed<S>(self, name: &mut impl FnMut(R) -> S) -> KeptArg<'a, S> {
        match self {
            Self::Null => KeptArg::Null,
            Self::Bool(value) => KeptArg::Bool(value),
            Self::Int(value) => KeptArg::Int(value),
            Self::Float(value) => KeptArg::Float(value),
            Self::String(text) => KeptArg::String(text),
            Self::Enum(text) => KeptArg::Enum(text),
            Self::List(items) => KeptArg::List(items.into_iter().map(|item| item.renamed(name)).collect()),
            Self::Object(fields) => KeptArg::Object(
                fields.into_iter().map(|(field, value)| (field, value.renamed(name))).collect(),
            ),
            Self::Ref(call) => KeptArg::Ref(name(call)),
        }
    }
}

impl Kept<'_, usize> {
    fn rebuild(&self, registry: &Registry, others: &[Arc<Call>]) -> Option<Arc<Call>> {
        let receiver = others.get(self.receiver?)?;
        if let Some(index) = self.nth {
            return Some(Call::element(receiver, index));
        }
        let (on, name) = self.operation.as_ref()?;
        let operation = registry.operation(on, name)?;
        let mut args = Vec::with_capacity(self.args.len());
        for (name, value) in &self.args {
            let def = operation.def.args.iter().find(|arg| arg.name == name)?;
            args.push((def.name, value.rebuild(registry, def.ty.base(), others)?));
        }
        Some(Call::step(receiver, operation, args, self.scope.as_deref().map(Into::into)))
    }
}

impl KeptArg<'_, usize> {
    fn rebuild(&self, registry: &Registry, type_name: &str, others: &[Arc<Call>]) -> Option<ArgValue> {
        Some(match self {
            Self::Null => ArgValue::Null,
            Self::Bool(value) => ArgValue::Bool(*value),
            Self::Int(value) => ArgValue::Int(*value),
            Self::Float(value) => ArgValue::Float(*value),
            Self::String(text) => ArgValue::String((&**text).into()),
            Self::Enum(name) => ArgValue::Enum((&**name).into()),
            Self::List(items) => ArgValue::List(
                items.iter().map(|item| item.rebuild(registry, type_name, others)).collect::<Option<_>>()?,
            ),
            Self::Object(fields) => {
                let def = registry.inputs.get(type_name)?;
                let mut rebuilt = Vec::with_capacity(fields.len());
                for (name, value) in fields {
                    let field = def.fields.iter().find(|field| field.name == name)?;
                    rebuilt.push((field.name, value.rebuild(registry, field.ty.base(), others)?));
                }
                ArgValue::Object(rebuilt)
            }
            Self::Ref(at) => ArgValue::Ref(Arc::clone(others.get(*at)?)),
        })
    }
}
