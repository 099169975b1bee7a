//! From calls to values: first what a call is made of, then the call, without recursion.

use std::collections::HashMap;
use std::sync::Arc;

use kukri_model::Digest;
use kukri_model::schema::CacheRule;

use super::{Engine, asks_again};
use crate::args::{ArgValue, Args};
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::query::Query;
use crate::session::Session;
use crate::trace;
use crate::value::{ObjectValue, Value};

/// Steps of a chain after which other tasks of the thread get their turn.
const STEPS_BEFORE_YIELD: u32 = 512;

/// Objects of this [weight](crate::value::ObjectType::weight) or more are large.
const LARGE: usize = 64;

impl Engine {
    /// The value of a call. Steps that make objects are lowered, which is cheap; a leaf does its work.
    ///
    /// Receivers and arguments are chains of any length inside each other, so what is still to be done is on a stack of
    /// our own, never on the machine's.
    pub async fn evaluate(
        self: &Arc<Self>,
        session: &Arc<Session>,
        call: &Arc<Call>,
    ) -> Result<Value, OpError> {
        self.evaluate_from(session, call, None).await
    }

    /// The same where the caller holds a value that the call is made of, which the session may have forgotten.
    pub async fn evaluate_from(
        self: &Arc<Self>,
        session: &Arc<Session>,
        call: &Arc<Call>,
        held: Option<&Held>,
    ) -> Result<Value, OpError> {
        let mut values = Values { session, held, found: HashMap::new() };
        let mut pending = vec![Arc::clone(call)];
        let mut steps = 0_u32;
        while let Some(next) = pending.last() {
            if values.look_up(next) {
                pending.pop();
                continue;
            }
            let before = pending.len();
            let next = Arc::clone(next);
            // The receiver lies on top: where it fails, arguments are not looked at.
            for (_, value) in next.args.iter().rev() {
                values.missing(value, &mut pending);
            }
            pending.extend(next.receiver.iter().filter(|receiver| !values.look_up(receiver)).cloned());
            if pending.len() > before {
                continue;
            }
            let value = self.apply(&values, &next).await?;
            values.found.insert(next.digest, value);
            values.let_go(&next);
            pending.pop();
            steps += 1;
            if steps.is_multiple_of(STEPS_BEFORE_YIELD) {
                // Making objects waits for nothing, so a caller that has gone away could not end it.
                tokio::task::yield_now().await;
            }
        }
        values.get(call).cloned().ok_or_else(|| OpError::new(format!("{} gave nothing", call.label())))
    }

    /// One call whose receiver and arguments are known.
    async fn apply(self: &Arc<Self>, values: &Values<'_>, call: &Arc<Call>) -> Result<Value, OpError> {
        let session = values.session;
        let Some(receiver) = &call.receiver else {
            return Ok(Value::Object(ObjectValue::new(Arc::new(Query))));
        };
        let on = values.get(receiver);
        if let Some(index) = call.nth {
            return match on {
                Some(Value::List(items)) if index < items.len() => Ok(items[index].clone()),
                _ => Err(OpError::new(format!("{} has no element {index} any more", call.label()))),
            };
        }
        let (Some(operation), Some(Value::Object(on))) = (call.operation, on) else {
            return Err(OpError::new(format!("{} cannot be called on nothing", call.label())));
        };
        let run = async || {
            let mut args: Args = Vec::with_capacity(call.args.len());
            for (name, value) in &call.args {
                args.push((name, values.resolve(value)?));
            }
            args.extend(session.given(&call.digest));
            let cx = Cx { engine: Arc::clone(self), session: Arc::clone(session), call: Arc::clone(call) };
            let Some((span, place)) = session.progress().call(self, call) else {
                return (operation.run)(on.clone(), args, &cx).await;
            };
            let result = trace::within(place, (operation.run)(on.clone(), args, &cx)).await;
            span.end(&result);
            result
        };
        match operation.def.cache {
            CacheRule::PerSession if !asks_again(&call.args) => {
                session.once(&call.digest).get_or_try_init(run).await.cloned()
            }
            // Other calls look anew, but what is asked of this one's object concerns one and the same object.
            CacheRule::PerSession => session.once_of_late(&call.digest).get_or_try_init(run).await.cloned(),
            CacheRule::Never if self.registry.objects.contains_key(operation.def.returns.base()) => {
                session.once_of_late(&call.digest).get_or_try_init(run).await.cloned()
            }
            CacheRule::Never => run().await,
            CacheRule::Pure => {
                let value = run().await?;
                session.learn(&call.digest, &value);
                Ok(value)
            }
        }
    }
}

/// The value of a call.
#[derive(Debug)]
pub struct Held {
    /// The call.
    pub call: Digest,
    /// What it gave.
    pub value: Value,
}

/// What is known while one call is evaluated: what was found on the way. What the session keeps is copied when it is
/// first seen, as the session may forget it at any time.
struct Values<'a> {
    session: &'a Arc<Session>,
    held: Option<&'a Held>,
    found: HashMap<Digest, Value>,
}

impl Values<'_> {
    fn get(&self, call: &Call) -> Option<&Value> {
        let held = self.held.filter(|held| held.call == call.digest).map(|held| &held.value);
        held.or_else(|| self.found.get(&call.digest))
    }

    /// Whether the value is known; from then on [`Values::get`] gives it.
    fn look_up(&mut self, call: &Call) -> bool {
        if self.get(call).is_some() {
            return true;
        }
        let known = self.session.known(&call.digest);
        known.is_some_and(|value| self.found.insert(call.digest, value).is_none())
    }

    /// Forgets the receiver of a call that is done where that is large: a chain is longer than the memory for one copy of a
    /// large object for each step. It stays known to the session for a while, and can be made again.
    fn let_go(&mut self, done: &Call) {
        if let Some(receiver) = &done.receiver
            && let Some(Value::Object(object)) = self.found.get(&receiver.digest)
            && object.weight() >= LARGE
        {
            self.found.remove(&receiver.digest);
        }
    }

    /// Adds the calls among the arguments which are not known, the first on top.
    fn missing(&mut self, value: &ArgValue, pending: &mut Vec<Arc<Call>>) {
        match value {
            ArgValue::Ref(call) if !self.look_up(call) => pending.push(Arc::clone(call)),
            ArgValue::List(items) => items.iter().rev().for_each(|item| self.missing(item, pending)),
            ArgValue::Object(fields) => {
                fields.iter().rev().for_each(|(_, value)| self.missing(value, pending));
            }
            _ => {}
        }
    }

    /// Puts objects in the place of calls.
    fn resolve(&self, value: &ArgValue) -> Result<ArgValue, OpError> {
        Ok(match value {
            ArgValue::Ref(call) => match self.get(call) {
                Some(Value::Object(object)) => ArgValue::Resolved(object.clone(), Arc::clone(call)),
                _ => return Err(OpError::new(format!("{} does not give an object", call.label()))),
            },
            ArgValue::List(items) => {
                ArgValue::List(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?)
            }
            ArgValue::Object(fields) => {
                let resolve = |(name, value): &(_, _)| Ok((*name, self.resolve(value)?));
                ArgValue::Object(fields.iter().map(resolve).collect::<Result<_, _>>()?)
            }
            plain => plain.clone(),
        })
    }
}
