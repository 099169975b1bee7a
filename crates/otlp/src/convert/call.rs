//! A call of the API as the original's viewers read it: a protobuf message in base64.

use base64::Engine as _;
use kukri_telemetry::{TracedCall, TracedValue};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Call {
    #[prost(string, tag = "1")]
    receiver_digest: String,
    #[prost(message, optional, tag = "2")]
    result: Option<TypeRef>,
    #[prost(string, tag = "3")]
    field: String,
    #[prost(message, repeated, tag = "4")]
    args: Vec<Argument>,
    #[prost(string, tag = "9")]
    digest: String,
}

#[derive(Clone, PartialEq, Message)]
struct TypeRef {
    #[prost(string, tag = "1")]
    named_type: String,
    #[prost(bool, tag = "3")]
    non_null: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Argument {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Literal>,
}

#[derive(Clone, PartialEq, Message)]
struct Literal {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(string, tag = "1")]
    CallDigest(String),
    #[prost(bool, tag = "2")]
    Null(bool),
    #[prost(bool, tag = "3")]
    Bool(bool),
    #[prost(string, tag = "4")]
    Enum(String),
    #[prost(int64, tag = "5")]
    Int(i64),
    #[prost(double, tag = "6")]
    Float(f64),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(message, tag = "8")]
    List(Literals),
    #[prost(message, tag = "9")]
    Object(Arguments),
}

#[derive(Clone, PartialEq, Message)]
struct Literals {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Literal>,
}

#[derive(Clone, PartialEq, Message)]
struct Arguments {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Argument>,
}

/// The text of `dag.call`.
pub fn encode(call: &TracedCall) -> String {
    let message = Call {
        receiver_digest: call.receiver.clone(),
        result: Some(TypeRef { named_type: call.type_name.clone(), non_null: true }),
        field: call.field.clone(),
        args: arguments(&call.args),
        digest: call.digest.clone(),
    };
    base64::engine::general_purpose::STANDARD.encode(message.encode_to_vec())
}

fn arguments(args: &[(String, TracedValue)]) -> Vec<Argument> {
    args.iter().map(|(name, value)| Argument { name: name.clone(), value: Some(literal(value)) }).collect()
}

fn literal(value: &TracedValue) -> Literal {
    let value = match value {
        TracedValue::Call(digest) => Value::CallDigest(digest.clone()),
        TracedValue::Null => Value::Null(true),
        TracedValue::Bool(value) => Value::Bool(*value),
        TracedValue::Int(value) => Value::Int(*value),
        TracedValue::Float(value) => Value::Float(*value),
        TracedValue::Text(text) => Value::Text(text.clone()),
        TracedValue::Word(word) => Value::Enum(word.clone()),
        TracedValue::List(items) => Value::List(Literals { values: items.iter().map(literal).collect() }),
        TracedValue::Object(fields) => Value::Object(Arguments { values: arguments(fields) }),
    };
    Literal { value: Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_fields_that_viewers_look_for() {
        let call = TracedCall {
            digest: "d".into(),
            receiver: "r".into(),
            field: "f".into(),
            type_name: "T".into(),
            is_object: true,
            args: vec![("a".into(), TracedValue::List(vec![TracedValue::Call("c".into())]))],
        };
        let bytes = base64::engine::general_purpose::STANDARD.decode(encode(&call)).unwrap();
        // Field numbers and wire types, as the format has them.
        let expected = b"\x0a\x01r\x12\x05\x0a\x01T\x18\x01\x1a\x01f\x22\x0c\x0a\x01a\x12\x07\x42\x05\x0a\x03\x0a\x01c\x4a\x01d";
        assert_eq!(bytes, expected);
        assert_eq!(call.inputs(), ["r", "c"]);
    }
}
