//! JSON values.

use std::collections::BTreeMap;
use std::num::IntErrorKind;
use std::sync::Arc;

use kukri_model::schema::ObjectDef;

use super::tree::{DEEPEST, Value, check_bytes};
use crate::error::OpError;
use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "JSONValue", doc: "A JSON value.", interfaces: &[] };

/// A JSON value; `null` by default.
#[derive(Clone, Debug, Default)]
pub struct JsonValue {
    /// The value.
    pub value: Arc<Value>,
    /// The text it was read from, if it was: order and spaces are those of whoever wrote it.
    text: Option<Arc<str>>,
}

impl ObjectType for JsonValue {
    const NAME: &'static str = "JSONValue";

    fn weight(&self) -> usize {
        1 + (self.value.bytes() + self.text.as_ref().map_or(0, |text| text.len())) / 1024
    }
}

impl JsonValue {
    /// A value.
    #[must_use]
    pub fn of(value: Value) -> Self {
        Self { value: Arc::new(value), text: None }
    }

    /// The value that a text stands for.
    pub fn parse(text: &str) -> Result<Self, OpError> {
        Ok(Self { value: Arc::new(Value::parse(text)?), text: Some(text.into()) })
    }

    /// The value as JSON: the text it was read from, else one without spaces, fields sorted by name.
    pub fn text(&self) -> Result<Arc<str>, OpError> {
        match &self.text {
            Some(text) => Ok(Arc::clone(text)),
            None => self.value.text(None).map(Arc::from),
        }
    }

    /// The error of a value that is of another kind than was asked for.
    #[must_use]
    pub fn is_not(&self, wanted: &str) -> OpError {
        OpError::new(format!("value is not {wanted}: it is {}", self.value.kind()))
    }

    /// The value of a field inside objects; of an empty path, the value itself.
    pub fn field(&self, path: &[String]) -> Result<Self, OpError> {
        let mut value = &*self.value;
        for name in path {
            let field = match value {
                Value::Object(fields) => fields.get(name),
                _ => None,
            };
            value = field.ok_or_else(|| OpError::new(format!("no such field: '{name}'")))?;
        }
        Ok(Self::of(value.clone()))
    }

    /// With a field inside objects, which are made where there is nothing, or `null`. Anything else on the way is an error.
    pub fn with_field(&self, path: &[String], field: &Self) -> Result<Self, OpError> {
        check(path, field.value.depth())?;
        let names: usize = path.iter().map(|name| name.len() + size_of::<Value>()).sum();
        check_bytes(self.value.bytes() + field.value.bytes() + names)?;
        with(Value::clone(&self.value), path, 0, &field.value).map(Self::of)
    }

    /// A whole number of 64 bits.
    pub fn integer(&self) -> Result<i64, OpError> {
        let Value::Number(number) = &*self.value else { return Err(self.is_not("an integer")) };
        number.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => self.is_not("an integer of 64 bits"),
            _ => self.is_not("an integer"),
        })
    }
}

fn check(path: &[String], below: usize) -> Result<(), OpError> {
    if path.is_empty() {
        return Err(OpError::new("the path of the field is empty; give at least one name"));
    }
    if path.len() + below > DEEPEST {
        return Err(OpError::new(format!("the value would be nested deeper than {DEEPEST}")));
    }
    Ok(())
}

/// A value with the field that `path` names, of whose names those before `at` lead to the value. Recurses as deep as the
/// path is long.
fn with(value: Value, path: &[String], at: usize, field: &Value) -> Result<Value, OpError> {
    let Some(name) = path.get(at) else { return Ok(field.clone()) };
    let mut fields = match value {
        Value::Object(fields) => fields,
        Value::Null => BTreeMap::new(),
        other => {
            let of = match &path[..at] {
                [] => String::new(),
                way => format!(" of '{}'", way.join(".")),
            };
            return Err(OpError::new(format!(
                "cannot set the field '{name}': the value{of} is not an object but {}; set another value there first",
                other.kind()
            )));
        }
    };
    let old = fields.remove(name).unwrap_or_default();
    fields.insert(name.clone(), with(old, path, at + 1, field)?);
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> JsonValue {
        JsonValue::parse(text).unwrap()
    }

    fn path(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn fields() {
        let user = json(r#"{"user": {"name": "John", "tags": [1]}}"#);
        assert_eq!(user.field(&path(&["user", "name"])).unwrap().text().unwrap().as_ref(), "\"John\"");
        for (names, expected) in [
            (path(&["user", "age"]), "no such field: 'age'"),
            (path(&["user", "name", "x"]), "no such field: 'x'"),
            (path(&["user", "tags", "0"]), "no such field: '0'"),
        ] {
            let error = user.field(&names).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(user.field(&[]).unwrap().value, user.value);
    }

    #[test]
    fn fields_are_set_and_objects_made() {
        let value = JsonValue::default().with_field(&path(&["a", "b"]), &json("1")).unwrap();
        let value = value.with_field(&path(&["a", "c"]), &json("[2]")).unwrap();
        assert_eq!(value.text().unwrap().to_string(), r#"{"a":{"b":1,"c":[2]}}"#);
        // Nothing is lost unseen.
        for (text, names, expected) in [
            (
                r#"{"a":{"c":[2]}}"#,
                path(&["a", "c", "x"]),
                "cannot set the field 'x': the value of 'a.c' is not an object but an array",
            ),
            ("[1, 2]", path(&["a"]), "cannot set the field 'a': the value is not an object but an array"),
            ("7", path(&["a"]), "but a number"),
            ("\"text\"", path(&["a", "b"]), "but a string"),
            (r#"{"a":true}"#, path(&["a", "b"]), "the value of 'a' is not an object but a boolean"),
        ] {
            let error = json(text).with_field(&names, &json("1")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let null = json(r#"{"a":null}"#).with_field(&path(&["a", "b"]), &json("1")).unwrap();
        assert_eq!(null.text().unwrap().to_string(), r#"{"a":{"b":1}}"#);
        let error = value.with_field(&[], &json("1")).unwrap_err().to_string();
        assert!(error.contains("path of the field is empty"), "{error}");
    }

    #[test]
    fn numbers_of_any_size() {
        let value = json(r#"{"n": 123456789012345678901, "f": 1.10, "e": 1e400}"#);
        assert_eq!(value.field(&path(&["n"])).unwrap().text().unwrap().as_ref(), "123456789012345678901");
        let more = value.with_field(&path(&["x"]), &json("-0.50")).unwrap();
        assert_eq!(
            more.text().unwrap().as_ref(),
            r#"{"e":1e400,"f":1.10,"n":123456789012345678901,"x":-0.50}"#
        );
        for (number, expected) in [("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)] {
            assert_eq!(json(number).integer().unwrap(), expected);
        }
        for (number, expected) in [
            ("9223372036854775808", "value is not an integer of 64 bits: it is a number"),
            ("-9223372036854775809", "value is not an integer of 64 bits: it is a number"),
            ("1.0", "value is not an integer: it is a number"),
            ("1e2", "value is not an integer: it is a number"),
            ("true", "value is not an integer: it is a boolean"),
        ] {
            assert_eq!(json(number).integer().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_doubles_has_an_end() {
        let mut value = JsonValue::of(Value::String("x".repeat(1 << 20)));
        for _ in 0..7 {
            let inner = JsonValue::default().with_field(&path(&["a"]), &value).unwrap();
            value = inner.with_field(&path(&["b"]), &value).unwrap();
        }
        let inner = JsonValue::default().with_field(&path(&["a"]), &value).unwrap();
        let error = inner.with_field(&path(&["b"]), &value).unwrap_err().to_string();
        assert!(error.contains("bytes of memory"), "{error}");
    }

    #[test]
    fn nesting_has_an_end() {
        let deep: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert!(JsonValue::default().with_field(&deep, &json("1")).is_err());
        let most = format!("{}1{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert_eq!(json(&most).value.depth(), DEEPEST);
        assert!(JsonValue::default().with_field(&path(&["a"]), &json(&most)).is_err());
        assert!(JsonValue::parse(&format!("[{most}]")).unwrap_err().to_string().starts_with("invalid JSON"));
    }
}
