//! What every operation is: a description and a function, joined by the struct that the derive reads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kukri_model::schema::OperationDef;

use crate::args::Args;
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::OpError;
use crate::value::{IntoValue, ObjectType, ObjectValue, Value};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One operation of the registry.
pub struct Operation {
    /// Its description.
    pub def: &'static OperationDef,
    /// Evaluates it on a receiver.
    pub run: for<'a> fn(ObjectValue, Args, &'a Cx) -> BoxFuture<'a, Result<Value, OpError>>,
    /// See [`Run::pinned`].
    pub pinned: Pinned,
}

/// Of an evaluated call: a call that gives the same object for good.
pub type Pinned = fn(&Engine, &Arc<Call>, &ObjectValue) -> Option<Arc<Call>>;

/// Implemented by the derive `Operation` from a struct's fields and attributes.
pub trait Described: Sized + Send + 'static {
    /// The description.
    const DEF: OperationDef;
    /// Takes the arguments; those that are missing get their default.
    fn decode(args: Args) -> Result<Self, OpError>;
}

/// What an operation does.
///
/// For operations that make objects this is *lowering*: it must be cheap and must not run anything, except where the
/// protocol says that selecting a step resolves something (an image's reference, a host directory).
pub trait Run: Described {
    /// The object it is called on.
    type On: ObjectType;
    /// What it gives back.
    type Output: IntoValue;
    /// Does it.
    fn run(self, on: Arc<Self::On>, cx: &Cx) -> impl Future<Output = Result<Self::Output, OpError>> + Send;

    /// For an eager operation whose answer lies with the client or a registry: a call that gives what it gave, in every
    /// session and for good. IDs are made of that call, so they do not change their meaning elsewhere or later.
    fn pinned(_: &Engine, _: &Arc<Call>, _: &ObjectValue) -> Option<Arc<Call>> {
        None
    }
}

impl Operation {
    /// Whether the value of this argument must reach no log, key or disk.
    #[must_use]
    pub fn is_sensitive(&self, argument: &str) -> bool {
        self.def.args.iter().any(|def| def.sensitive && def.name == argument)
    }

    /// The operation that `T` describes.
    #[must_use]
    pub const fn of<T: Run>() -> Self {
        Self { def: const { &T::DEF }, run: run_erased::<T>, pinned: T::pinned }
    }
}

fn run_erased<T: Run>(on: ObjectValue, args: Args, cx: &Cx) -> BoxFuture<'_, Result<Value, OpError>> {
    Box::pin(async move {
        let on = on.downcast::<T::On>()?;
        if T::DEF.returns.base() != T::On::NAME {
            on.check()?;
        }
        Ok(T::decode(args)?.run(on, cx).await?.into_value())
    })
}
