//! From calls to values: along the chain from the first step that is not known yet, without recursion.

use std::sync::Arc;

use kukri_model::schema::CacheRule;

use super::Engine;
use crate::args::{ArgValue, Args};
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::query::Query;
use crate::operation::BoxFuture;
use crate::session::Session;
use crate::value::{ObjectValue, Value};

impl Engine {
    /// The value of a call. Steps that make objects are lowered, which is cheap; a leaf does its work.
    pub async fn evaluate(
        self: &Arc<Self>,
        session: &Arc<Session>,
        call: &Arc<Call>,
    ) -> Result<Value, OpError> {
        let mut steps = Vec::new();
        let mut cursor = Arc::clone(call);
        let mut value = loop {
            if let Some(known) = session.known(&cursor.digest) {
                break known;
            }
            let Some(receiver) = cursor.receiver.clone() else {
                break Value::Object(ObjectValue::new(Arc::new(Query)));
            };
            steps.push(cursor);
            cursor = receiver;
        };
        while let Some(step) = steps.pop() {
            value = self.apply(session, &step, value).await?;
        }
        Ok(value)
    }

    async fn apply(
        self: &Arc<Self>,
        session: &Arc<Session>,
        call: &Arc<Call>,
        on: Value,
    ) -> Result<Value, OpError> {
        if let Some(index) = call.nth {
            return match on {
                Value::List(items) if index < items.len() => Ok(items[index].clone()),
                _ => Err(OpError::new(format!("{} has no element {index} any more", call.label()))),
            };
        }
        let (Some(operation), Value::Object(on)) = (call.operation, on) else {
            return Err(OpError::new(format!("{} cannot be called on nothing", call.label())));
        };
        if operation.def.cache == CacheRule::PerSession {
            let cell = session.once(&call.digest);
            return cell.get_or_try_init(|| self.run(session, call, operation, on)).await.cloned();
        }
        let value = self.run(session, call, operation, on).await?;
        if operation.def.cache == CacheRule::Pure {
            session.learn(&call.digest, &value);
        }
        Ok(value)
    }

    async fn run(
        self: &Arc<Self>,
        session: &Arc<Session>,
        call: &Arc<Call>,
        operation: &'static crate::operation::Operation,
        on: ObjectValue,
    ) -> Result<Value, OpError> {
        let mut args: Args = Vec::with_capacity(call.args.len());
        for (name, value) in &call.args {
            args.push((name, self.resolve(session, value.clone()).await?));
        }
        args.extend(session.given(&call.digest));
        let cx = Cx { engine: Arc::clone(self), session: Arc::clone(session), call: Arc::clone(call) };
        (operation.run)(on, args, &cx).await
    }

    /// Evaluates the objects among the arguments.
    fn resolve<'a>(
        self: &'a Arc<Self>,
        session: &'a Arc<Session>,
        value: ArgValue,
    ) -> BoxFuture<'a, Result<ArgValue, OpError>> {
        Box::pin(async move {
            Ok(match value {
                ArgValue::Ref(call) => match self.evaluate(session, &call).await? {
                    Value::Object(object) => ArgValue::Resolved(object, call),
                    _ => return Err(OpError::new(format!("{} does not give an object", call.label()))),
                },
                ArgValue::List(items) => {
                    let mut resolved = Vec::with_capacity(items.len());
                    for item in items {
                        resolved.push(match item {
                            item @ (ArgValue::Ref(_) | ArgValue::List(_) | ArgValue::Object(_)) => {
                                self.resolve(session, item).await?
                            }
                            plain => plain,
                        });
                    }
                    ArgValue::List(resolved)
                }
                ArgValue::Object(fields) => {
                    let mut resolved = Vec::with_capacity(fields.len());
                    for (name, value) in fields {
                        resolved.push((name, self.resolve(session, value).await?));
                    }
                    ArgValue::Object(resolved)
                }
                plain => plain,
            })
        })
    }
}
