//! Arguments of a call: as they come from a client, and as an operation's fields want them.

use std::marker::PhantomData;
use std::sync::Arc;

use kukri_model::Encoder;
use kukri_model::schema::{TypeRef, unavailable_message};

use crate::call::Call;
use crate::error::OpError;
use crate::value::{ObjectType, ObjectValue};

/// One argument, already coerced to the type its definition asks for.
#[derive(Clone, Debug)]
pub enum ArgValue {
    /// Not given, or null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or a custom scalar's text.
    String(Arc<str>),
    /// The canonical name of an enum's member.
    Enum(Arc<str>),
    /// A list.
    List(Vec<ArgValue>),
    /// An input object; fields in the order of its definition.
    Object(Vec<(&'static str, ArgValue)>),
    /// An object, given by its ID: the call that makes it.
    Ref(Arc<Call>),
    /// An object whose call has been evaluated. Only [`Args`] that reach an operation have these.
    Resolved(ObjectValue, Arc<Call>),
}

impl ArgValue {
    /// Adds the value to a key.
    pub fn encode(&self, key: &mut Encoder) {
        match self {
            Self::Null => key.none(),
            Self::Bool(value) => key.bool(*value),
            Self::Int(value) => key.i64(*value),
            Self::Float(value) => key.f64(*value),
            Self::String(text) | Self::Enum(text) => key.str(text),
            Self::List(items) => {
                key.list(items.len());
                items.iter().for_each(|item| item.encode(key));
                key
            }
            Self::Object(fields) => {
                key.list(fields.len());
                for (name, value) in fields {
                    key.str(name);
                    value.encode(key);
                }
                key
            }
            Self::Ref(call) | Self::Resolved(_, call) => key.digest(&call.digest),
        };
    }
}

/// The arguments of one call: those that were given and differ from their default.
pub type Args = Vec<(&'static str, ArgValue)>;

/// A field type of an operation's struct.
pub trait FromArg: Sized {
    /// Type on the wire when there is no default: non-null unless an `Option`.
    const TYPE: TypeRef;
    /// The same, nullable: the type of an argument with a default.
    const NULLABLE: TypeRef;
    /// For IDs, the type of object expected.
    const EXPECTED: Option<&'static str> = None;

    /// Takes the value. Coercion was done before; an error here names what was expected.
    fn from_arg(value: ArgValue) -> Result<Self, OpError>;
}

fn wrong<T>(expected: &str, value: &ArgValue) -> Result<T, OpError> {
    Err(OpError::new(format!("expected {expected}, got {value:?}")))
}

macro_rules! scalar_arg {
    ($rust:ty, $name:literal, $($pattern:pat => $take:expr),+) => {
        impl FromArg for $rust {
            const TYPE: TypeRef = TypeRef::NonNull(&Self::NULLABLE);
            const NULLABLE: TypeRef = TypeRef::Named($name);
            fn from_arg(value: ArgValue) -> Result<Self, OpError> {
                match value {
                    $($pattern => $take,)+
                    other => wrong($name, &other),
                }
            }
        }
    };
}

scalar_arg!(bool, "Boolean", ArgValue::Bool(value) => Ok(value));
scalar_arg!(i64, "Int", ArgValue::Int(value) => Ok(value));
scalar_arg!(String, "String", ArgValue::String(text) => Ok(text.to_string()));

impl FromArg for kukri_model::Platform {
    const TYPE: TypeRef = TypeRef::NonNull(&Self::NULLABLE);
    const NULLABLE: TypeRef = TypeRef::Named("Platform");
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match value {
            ArgValue::String(text) => text.parse().map_err(|error| OpError::new(format!("{error}"))),
            other => wrong("Platform", &other),
        }
    }
}

/// A text that holds JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub Arc<str>);

impl FromArg for Json {
    const TYPE: TypeRef = TypeRef::NonNull(&Self::NULLABLE);
    const NULLABLE: TypeRef = TypeRef::Named("JSON");
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match value {
            ArgValue::String(text) => Ok(Self(text)),
            other => wrong("JSON", &other),
        }
    }
}

impl crate::value::IntoValue for Json {
    fn into_value(self) -> crate::value::Value {
        crate::value::Value::String(self.0)
    }
}

impl<T: FromArg> FromArg for Option<T> {
    const TYPE: TypeRef = T::NULLABLE;
    const NULLABLE: TypeRef = T::NULLABLE;
    const EXPECTED: Option<&'static str> = T::EXPECTED;
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match value {
            ArgValue::Null => Ok(None),
            other => T::from_arg(other).map(Some),
        }
    }
}

impl<T: FromArg> FromArg for Vec<T> {
    const TYPE: TypeRef = TypeRef::NonNull(&Self::NULLABLE);
    const NULLABLE: TypeRef = TypeRef::List(&T::TYPE);
    const EXPECTED: Option<&'static str> = T::EXPECTED;
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match value {
            ArgValue::List(items) => items.into_iter().map(T::from_arg).collect(),
            other => wrong("a list", &other),
        }
    }
}

/// An object argument.
pub struct Ref<T> {
    /// The object.
    pub object: Arc<T>,
    /// The call that made it.
    pub call: Arc<Call>,
    marker: PhantomData<T>,
}

impl<T: ObjectType> FromArg for Ref<T> {
    const TYPE: TypeRef = TypeRef::NonNull(&Self::NULLABLE);
    const NULLABLE: TypeRef = TypeRef::Named("ID");
    const EXPECTED: Option<&'static str> = Some(T::NAME);
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match value {
            ArgValue::Resolved(object, call) => {
                Ok(Self { object: object.downcast()?, call, marker: PhantomData })
            }
            other => wrong(T::NAME, &other),
        }
    }
}

/// A text that is kept nowhere but in the session that was given it. `None` in every other session.
pub struct Sensitive(pub Option<String>);

impl FromArg for Sensitive {
    const TYPE: TypeRef = String::TYPE;
    const NULLABLE: TypeRef = String::NULLABLE;
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match value {
            ArgValue::Null => Ok(Self(None)),
            ArgValue::String(text) => Ok(Self(Some(text.to_string()))),
            // The value must not get into the message.
            _ => Err(OpError::new("expected String")),
        }
    }
}

/// A Rust enum that is an enum of the API.
pub trait ApiEnum: Sized + Copy + 'static {
    /// Its description.
    const DEF: kukri_model::schema::EnumDef;
    /// From the canonical name of a member.
    fn from_name(name: &str) -> Option<Self>;
    /// The canonical name.
    fn name(self) -> &'static str;
}

/// A Rust struct that is an input object of the API. The derive makes it a [`FromArg`] too.
pub trait ApiInput: FromArg {
    /// Its description.
    const DEF: kukri_model::schema::InputDef;
}

/// The fields of an input object. Used by the derive.
pub fn fields(name: &str, value: ArgValue) -> Result<Args, OpError> {
    match value {
        ArgValue::Object(fields) => Ok(fields),
        other => wrong(name, &other),
    }
}

impl<T: ApiEnum> FromArg for T {
    const TYPE: TypeRef = TypeRef::NonNull(&Self::NULLABLE);
    const NULLABLE: TypeRef = TypeRef::Named(T::DEF.name);
    fn from_arg(value: ArgValue) -> Result<Self, OpError> {
        match &value {
            ArgValue::Enum(name) | ArgValue::String(name) => {
                if let Some(member) = T::from_name(name) {
                    return Ok(member);
                }
                let member = T::DEF.values.iter().find(|member| member.name == &**name);
                match member.and_then(|member| member.unavailable) {
                    Some(why) => Err(OpError::new(unavailable_message(name, why))),
                    None => wrong(T::DEF.name, &value),
                }
            }
            other => wrong(T::DEF.name, other),
        }
    }
}

/// Removes the argument called `name`. Used by the derive.
pub fn take(args: &mut Args, name: &str) -> Option<ArgValue> {
    args.iter().position(|(given, _)| *given == name).map(|at| args.swap_remove(at).1)
}

/// The value of a default. Defaults are literals of one of five forms; a test goes through all of the registry.
#[must_use]
pub fn literal(text: &str) -> ArgValue {
    match text {
        "null" => ArgValue::Null,
        "true" => ArgValue::Bool(true),
        "false" => ArgValue::Bool(false),
        "[]" => ArgValue::List(Vec::new()),
        _ => match (text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')), text.parse()) {
            (Some(inner), _) => ArgValue::String(inner.into()),
            (None, Ok(number)) => ArgValue::Int(number),
            (None, Err(_)) => ArgValue::Enum(text.into()),
        },
    }
}
