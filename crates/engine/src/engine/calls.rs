//! Calls whose IDs were given out, so that they can be found again: in the store, those used last in memory as well.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kukri_model::{Digest, Generations};
use kukri_store::Store;
use serde::{Deserialize, Serialize};

use crate::args::ArgValue;
use crate::call::Call;
use crate::error::{OpError, OrFail};
use crate::registry::Registry;

/// Bytes of calls kept in memory; those beyond are read from the store again.
const MAX_BYTES: usize = 64 << 20;

/// The calls that were given out.
pub struct Calls {
    known: Mutex<Generations<Arc<Call>>>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { known: Mutex::new(Generations::new(MAX_BYTES)) }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    receiver: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<(String, KeptArg)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nth: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptArg {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Enum(String),
    List(Vec<KeptArg>),
    Object(Vec<(String, KeptArg)>),
    Ref(Digest),
}

impl Calls {
    fn known(&self) -> MutexGuard<'_, Generations<Arc<Call>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what the store has as well.
    pub fn trim(&self) {
        self.known().clear();
    }

    /// Keeps a call and all that it is made of.
    pub fn remember(&self, store: Option<&Store>, call: &Arc<Call>) -> Result<(), OpError> {
        let mut new: Vec<Arc<Call>> = Vec::new();
        {
            let mut known = self.known();
            let (mut pending, mut seen) = (vec![Arc::clone(call)], HashSet::new());
            while let Some(call) = pending.pop() {
                if known.get(&call.digest).is_some() || !seen.insert(call.digest) {
                    continue;
                }
                pending.extend(call.receiver.clone());
                call.args.iter().for_each(|(_, value)| refs(value, &mut pending));
                new.push(call);
            }
        }
        // Receivers come after what is called on them; the store gets them first.
        new.reverse();
        if let Some(store) = store
            && !new.is_empty()
        {
            let kept = |call: &Arc<Call>| Ok((call.digest, serde_json::to_vec(&keep(call)).or_fail()?));
            store.put_calls(new.iter().map(kept).collect::<Result<_, OpError>>()?).or_fail()?;
        }
        // Only now: who finds a call here relies on its being in the store.
        let mut known = self.known();
        for call in new {
            let bytes = size(&call);
            known.insert(call.digest, call, bytes);
        }
        Ok(())
    }

    /// Finds a call again.
    pub fn find(
        &self,
        store: Option<&Store>,
        registry: &Registry,
        root: &Arc<Call>,
        digest: &Digest,
    ) -> Result<Option<Arc<Call>>, OpError> {
        let known = |digest: &Digest| {
            if *digest == root.digest {
                return Some(Arc::clone(root));
            }
            self.known().get(digest).cloned()
        };
        if let Some(call) = known(digest) {
            return Ok(Some(call));
        }
        let Some(store) = store else { return Ok(None) };
        // Depth first with a stack of our own: chains get thousands of calls long.
        let mut pending: Vec<(Digest, Option<Kept>)> = vec![(*digest, None)];
        let mut found: HashMap<Digest, Arc<Call>> = HashMap::new();
        while let Some((digest, kept)) = pending.pop() {
            if found.contains_key(&digest) {
                continue;
            }
            if let Some(call) = known(&digest) {
                found.insert(digest, call);
                continue;
            }
            let kept = match kept {
                Some(kept) => kept,
                None => {
                    let Some(bytes) = store.get_call(&digest).or_fail()? else { return Ok(None) };
                    let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { return Ok(None) };
                    let mut missing = Vec::new();
                    let mut need = |need: &Digest| {
                        if !found.contains_key(need) {
                            missing.push((*need, None));
                        }
                    };
                    kept.receiver.iter().for_each(&mut need);
                    kept.args.iter().for_each(|(_, value)| kept_refs(value, &mut need));
                    if !missing.is_empty() {
                        pending.push((digest, Some(kept)));
                        pending.extend(missing);
                        continue;
                    }
                    kept
                }
            };
            let Some(call) = rebuild(&kept, registry, &found) else { return Ok(None) };
            if call.digest != digest {
                return Ok(None);
            }
            self.known().insert(digest, Arc::clone(&call), size(&call));
            found.insert(digest, call);
        }
        Ok(found.remove(digest))
    }
}

/// Bytes that a call takes in memory, about, without those that it is made of.
fn size(call: &Call) -> usize {
    fn of(value: &ArgValue) -> usize {
        size_of::<(&str, ArgValue)>()
            + match value {
                ArgValue::String(text) | ArgValue::Enum(text) => text.len(),
                ArgValue::List(items) => items.iter().map(of).sum(),
                ArgValue::Object(fields) => fields.iter().map(|(_, value)| of(value)).sum(),
                _ => 0,
            }
    }
    /// The entry in the map, and what the allocator takes for it.
    const ENTRY: usize = 128;
    let args: usize = call.args.iter().map(|(_, value)| of(value)).sum();
    ENTRY + size_of::<Call>() + args
}

fn refs(value: &ArgValue, calls: &mut Vec<Arc<Call>>) {
    match value {
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => calls.push(Arc::clone(call)),
        ArgValue::List(items) => items.iter().for_each(|item| refs(item, calls)),
        ArgValue::Object(fields) => fields.iter().for_each(|(_, value)| refs(value, calls)),
        _ => {}
    }
}

fn kept_refs(value: &KeptArg, visit: &mut impl FnMut(&Digest)) {
    match value {
        KeptArg::Ref(digest) => visit(digest),
        KeptArg::List(items) => items.iter().for_each(|item| kept_refs(item, visit)),
        KeptArg::Object(fields) => fields.iter().for_each(|(_, value)| kept_refs(value, visit)),
        _ => {}
    }
}

fn keep(call: &Call) -> Kept {
    let sensitive = |name: &str| {
        call.operation
            .is_some_and(|operation| operation.def.args.iter().any(|arg| arg.name == name && arg.sensitive))
    };
    Kept {
        receiver: call.receiver.as_ref().map(|receiver| receiver.digest),
        operation: call
            .operation
            .map(|operation| (operation.def.on.to_owned(), operation.def.name.to_owned())),
        args: call
            .args
            .iter()
            .filter(|(name, _)| !sensitive(name))
            .map(|(name, value)| ((*name).to_owned(), keep_arg(value)))
            .collect(),
        nth: call.nth,
        scope: call.scope.as_ref().map(ToString::to_string),
    }
}

fn keep_arg(value: &ArgValue) -> KeptArg {
    match value {
        ArgValue::Null => KeptArg::Null,
        ArgValue::Bool(value) => KeptArg::Bool(*value),
        ArgValue::Int(value) => KeptArg::Int(*value),
        ArgValue::Float(value) => KeptArg::Float(*value),
        ArgValue::String(text) => KeptArg::String(text.to_string()),
        ArgValue::Enum(name) => KeptArg::Enum(name.to_string()),
        ArgValue::List(items) => KeptArg::List(items.iter().map(keep_arg).collect()),
        ArgValue::Object(fields) => KeptArg::Object(
            fields.iter().map(|(name, value)| ((*name).to_owned(), keep_arg(value))).collect(),
        ),
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => KeptArg::Ref(call.digest),
    }
}

fn rebuild(kept: &Kept, registry: &Registry, found: &HashMap<Digest, Arc<Call>>) -> Option<Arc<Call>> {
    let receiver = found.get(kept.receiver.as_ref()?)?;
    if let Some(index) = kept.nth {
        return Some(Call::element(receiver, index));
    }
    let (on, name) = kept.operation.as_ref()?;
    let operation = registry.operation(on, name)?;
    let mut args = Vec::with_capacity(kept.args.len());
    for (name, value) in &kept.args {
        let def = operation.def.args.iter().find(|arg| arg.name == name)?;
        args.push((def.name, rebuild_arg(value, registry, def.ty.base(), found)?));
    }
    Some(Call::step(receiver, operation, args, kept.scope.as_deref().map(Into::into)))
}

fn rebuild_arg(
    kept: &KeptArg,
    registry: &Registry,
    type_name: &str,
    found: &HashMap<Digest, Arc<Call>>,
) -> Option<ArgValue> {
    Some(match kept {
        KeptArg::Null => ArgValue::Null,
        KeptArg::Bool(value) => ArgValue::Bool(*value),
        KeptArg::Int(value) => ArgValue::Int(*value),
        KeptArg::Float(value) => ArgValue::Float(*value),
        KeptArg::String(text) => ArgValue::String(text.as_str().into()),
        KeptArg::Enum(name) => ArgValue::Enum(name.as_str().into()),
        KeptArg::List(items) => ArgValue::List(
            items.iter().map(|item| rebuild_arg(item, registry, type_name, found)).collect::<Option<_>>()?,
        ),
        KeptArg::Object(fields) => {
            let def = registry.inputs.get(type_name)?;
            let mut rebuilt = Vec::with_capacity(fields.len());
            for (name, value) in fields {
                let field = def.fields.iter().find(|field| field.name == name)?;
                rebuilt.push((field.name, rebuild_arg(value, registry, field.ty.base(), found)?));
            }
            ArgValue::Object(rebuilt)
        }
        KeptArg::Ref(digest) => ArgValue::Ref(Arc::clone(found.get(digest)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_out_is_kept_up_to_a_number_of_bytes() {
        let (registry, root, calls) = (Registry::core(), Call::root(), Calls::default());
        let directory =
            Call::step(&root, registry.operation("Query", "directory").unwrap(), Vec::new(), None);
        let new_file = registry.operation("Directory", "withNewFile").unwrap();
        let last = (0..100).map(|number| {
            let contents = ArgValue::String(format!("{number}{}", "x".repeat(1 << 20)).into());
            let path = ArgValue::String("a".into());
            let args = vec![("path", path), ("contents", contents)];
            let call = Call::step(&directory, new_file, args, None);
            calls.remember(None, &call).unwrap();
            call
        });
        let last = last.last().unwrap();
        assert!(calls.find(None, &registry, &root, &last.digest).unwrap().is_some());
        let kept: usize = calls.known().len();
        assert!((30..70).contains(&kept), "{kept} calls of 1 MiB");
        calls.trim();
        assert!(calls.find(None, &registry, &root, &last.digest).unwrap().is_none());
    }
}
