//! JSON values.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use serde_json::{Map, Value};

use crate::error::OpError;
use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "JSONValue", doc: "A JSON value.", interfaces: &[] };

/// Deepest nesting, as that of the parser: values are dropped and written recursively.
const DEEPEST: usize = 127;

/// A JSON value; `null` by default.
#[derive(Clone, Debug, Default)]
pub struct JsonValue {
    /// The value.
    pub value: Arc<Value>,
    /// The text it was read from, if it was: order, spaces and numbers of any length are those of whoever wrote it.
    text: Option<Arc<str>>,
}

impl ObjectType for JsonValue {
    const NAME: &'static str = "JSONValue";
}

impl JsonValue {
    /// A value.
    #[must_use]
    pub fn of(value: Value) -> Self {
        Self { value: Arc::new(value), text: None }
    }

    /// The value that a text stands for.
    pub fn parse(text: &str) -> Result<Self, OpError> {
        let value =
            serde_json::from_str(text).map_err(|error| OpError::new(format!("invalid JSON: {error}")))?;
        Ok(Self { value: Arc::new(value), text: Some(text.into()) })
    }

    /// The value as JSON: the text it was read from, else one without spaces, fields sorted by name.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        self.text.clone().unwrap_or_else(|| self.value.to_string().into())
    }

    /// The error of a value that is of another kind than was asked for.
    #[must_use]
    pub fn is_not(&self, wanted: &str) -> OpError {
        let is = match &*self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        OpError::new(format!("value is not {wanted}: it is {is}"))
    }

    /// The value of a field inside objects; of an empty path, the value itself.
    pub fn field(&self, path: &[String]) -> Result<Self, OpError> {
        let mut value = &*self.value;
        for name in path {
            value = value.get(name).ok_or_else(|| OpError::new(format!("no such field: '{name}'")))?;
        }
        Ok(Self::of(value.clone()))
    }

    /// With a field inside objects, which take the place of whatever else is on the way.
    pub fn with_field(&self, path: &[String], field: &Self) -> Result<Self, OpError> {
        check(path, depth(&field.value))?;
        let mut root = Value::clone(&self.value);
        let mut value = &mut root;
        for name in path {
            if !value.is_object() {
                *value = Value::Object(Map::new());
            }
            value = &mut value[name.as_str()];
        }
        *value = Value::clone(&field.value);
        Ok(Self::of(root))
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

/// How deep a value is nested. Recurses as deep as the parser does.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
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
        assert_eq!(user.field(&path(&["user", "name"])).unwrap().value.as_str(), Some("John"));
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
        assert_eq!(value.value.to_string(), r#"{"a":{"b":1,"c":[2]}}"#);
        // An object takes the place of what is none.
        let value = value.with_field(&path(&["a", "c", "x"]), &json("1")).unwrap();
        assert_eq!(value.value.to_string(), r#"{"a":{"b":1,"c":{"x":1}}}"#);
        for text in ["[1, 2]", "7", "\"text\"", "true"] {
            let value = json(text).with_field(&path(&["a"]), &json("null")).unwrap();
            assert_eq!(value.value.to_string(), r#"{"a":null}"#);
        }
        let error = value.with_field(&[], &json("1")).unwrap_err().to_string();
        assert!(error.contains("path of the field is empty"), "{error}");
    }

    #[test]
    fn nesting_has_an_end() {
        let deep: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert!(JsonValue::default().with_field(&deep, &json("1")).is_err());
        let most = format!("{}1{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert_eq!(depth(&json(&most).value), DEEPEST);
        assert!(JsonValue::default().with_field(&path(&["a"]), &json(&most)).is_err());
        assert!(JsonValue::parse(&format!("[{most}]")).unwrap_err().to_string().starts_with("invalid JSON"));
    }
}
