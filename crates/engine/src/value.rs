//! What operations give back.

use std::any::Any;
use std::sync::Arc;

use crate::call::Call;
use crate::error::OpError;

/// The Rust type behind an object type of the API.
pub trait ObjectType: Any + Send + Sync {
    /// Its name in the API.
    const NAME: &'static str;

    /// Why nothing can be asked of it, if so. Steps that make another object of the same type go on all the same.
    fn check(&self) -> Result<(), OpError> {
        Ok(())
    }

    /// How much of the memory for what a session knows it takes, in units of about a kilobyte.
    fn weight(&self) -> usize {
        1
    }
}

/// An object: a type name and its state.
#[derive(Clone)]
pub struct ObjectValue {
    type_name: &'static str,
    weight: usize,
    state: Arc<dyn Any + Send + Sync>,
}

impl ObjectValue {
    /// Wraps the state of an object.
    pub fn new<T: ObjectType>(state: Arc<T>) -> Self {
        Self { type_name: T::NAME, weight: state.weight(), state }
    }

    /// The name of its type in the API.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// See [`ObjectType::weight`].
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// Its state as a `T`.
    pub fn downcast<T: ObjectType>(&self) -> Result<Arc<T>, OpError> {
        Arc::clone(&self.state)
            .downcast()
            .map_err(|_| OpError::new(format!("expected {}, got {}", T::NAME, self.type_name)))
    }
}

impl std::fmt::Debug for ObjectValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.type_name)
    }
}

/// The result of an operation.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text, or the name of an enum's member, or a custom scalar's text.
    String(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// An object.
    Object(ObjectValue),
    /// The ID of the object that a call makes (`sync`).
    Id(Arc<Call>),
}

/// What a `run` may return.
pub trait IntoValue {
    /// As a [`Value`].
    fn into_value(self) -> Value;
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl IntoValue for () {
    fn into_value(self) -> Value {
        Value::Null
    }
}

impl IntoValue for bool {
    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

impl IntoValue for i64 {
    fn into_value(self) -> Value {
        Value::Int(self)
    }
}

impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::String(self.into())
    }
}

impl IntoValue for Arc<str> {
    fn into_value(self) -> Value {
        Value::String(self)
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::String(self.into())
    }
}

impl IntoValue for Arc<Call> {
    fn into_value(self) -> Value {
        Value::Id(self)
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, IntoValue::into_value)
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(IntoValue::into_value).collect())
    }
}

impl<T: ObjectType> IntoValue for T {
    fn into_value(self) -> Value {
        Value::Object(ObjectValue::new(Arc::new(self)))
    }
}
