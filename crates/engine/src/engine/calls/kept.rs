//! Calls as the store keeps them. Those that are given out together share a row: a chain of thousands is one.

use std::borrow::Cow;
use std::sync::Arc;

use kukri_model::{Digest, DigestMap};
use serde::Deserialize;

use super::compact::{self, Writer};
use crate::args::ArgValue;
use crate::call::Call;
use crate::registry::Registry;

/// A row of the store.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    /// What a call is made of comes before it; the last one is the call whose row this is.
    pub(super) calls: Vec<Item<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Item<'a> {
    /// A call that is kept elsewhere.
    Outer(Outer),
    Call(Kept<'a, usize>),
}

/// A call that is kept elsewhere: its digest, and that of the call whose row has it, or leads to it.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Outer {
    pub(super) call: Digest,
    pub(super) row: Digest,
}

/// A call. Others are named by `R`: by their place in the row.
#[derive(Deserialize)]
pub(super) struct Kept<'a, R> {
    pub(super) receiver: Option<R>,
    #[serde(default)]
    pub(super) operation: Option<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default = "Vec::new")]
    pub(super) args: Vec<(Cow<'a, str>, KeptArg<'a, R>)>,
    #[serde(default)]
    pub(super) nth: Option<usize>,
    #[serde(default)]
    pub(super) scope: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeptArg<'a, R> {
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

/// A row that is being put together, of the calls that are to be kept in it.
pub(super) enum Gathered<'c> {
    /// One call kept elsewhere, and steps that are made of nothing but the one before.
    Chain { start: Outer, steps: Vec<&'c Arc<Call>> },
    /// Any others.
    Web(Web<'c>),
}

/// Calls that are made of each other in any way.
#[derive(Default)]
pub(super) struct Web<'c> {
    /// Calls that are to be kept here, after what they are made of.
    calls: Vec<&'c Arc<Call>>,
    order: Vec<Result<usize, Outer>>,
    places: DigestMap<usize>,
}

impl<'c> Web<'c> {
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
    pub(super) fn call(&mut self, call: &'c Arc<Call>) {
        self.places.insert(call.digest, self.order.len());
        self.order.push(Ok(self.calls.len()));
        self.calls.push(call);
    }
}

impl<'c> Gathered<'c> {
    /// The calls that are to be kept here, after what they are made of.
    pub(super) fn calls(&self) -> &[&'c Arc<Call>] {
        match self {
            Self::Chain { steps, .. } => steps,
            Self::Web(web) => &web.calls,
        }
    }

    /// As the store keeps it, in the memory of `buffer`.
    pub(super) fn encode(&self, buffer: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Chain { start, steps } => {
                let mut writer = Writer::new(buffer, 1 + steps.len());
                writer.outer(start);
                for (before, step) in steps.iter().enumerate() {
                    write(step, &|_| before, &mut writer);
                }
                writer.finish()
            }
            Self::Web(web) => {
                let mut writer = Writer::new(buffer, web.order.len());
                for item in &web.order {
                    match item {
                        Ok(at) => write(web.calls[*at], &|digest| web.places[digest], &mut writer),
                        Err(outer) => writer.outer(outer),
                    }
                }
                writer.finish()
            }
        }
    }
}

/// Writes a call. `place` tells where those that it is made of are in the row.
fn write<'c>(call: &'c Call, place: &impl Fn(&Digest) -> usize, writer: &mut Writer<'c>) {
    // Only the root has no receiver, and it is kept nowhere.
    let Some(receiver) = call.receiver.as_ref().map(|receiver| place(&receiver.digest)) else {
        return;
    };
    let Some(operation) = call.operation else {
        return writer.element(receiver, call.nth.unwrap_or_default());
    };
    let def = operation.def;
    let kept = |name: &str| !operation.is_sensitive(name);
    writer.step(receiver, def.on, def.name, call.scope.as_deref());
    writer.count(call.args.iter().filter(|(name, _)| kept(name)).count());
    for (name, value) in call.args.iter().filter(|(name, _)| kept(name)) {
        writer.named(name);
        write_value(value, place, writer);
    }
}

fn write_value<'c>(value: &'c ArgValue, place: &impl Fn(&Digest) -> usize, writer: &mut Writer<'c>) {
    match value {
        ArgValue::Null => writer.null(),
        ArgValue::Bool(value) => writer.bool(*value),
        ArgValue::Int(value) => writer.int(*value),
        ArgValue::Float(value) => writer.float(*value),
        ArgValue::String(text) => writer.string(text),
        ArgValue::Enum(name) => writer.member(name),
        ArgValue::List(items) => {
            writer.list(items.len());
            items.iter().for_each(|item| write_value(item, place, writer));
        }
        ArgValue::Object(fields) => {
            writer.object(fields.len());
            for (name, value) in fields {
                writer.named(name);
                write_value(value, place, writer);
            }
        }
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => writer.reference(place(&call.digest)),
    }
}

impl Row<'static> {
    /// From bytes; nothing if they are not a row. Earlier engines kept rows as JSON, and before that each call by itself.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if let Some(row) = compact::read(bytes) {
            return Some(row);
        }
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
