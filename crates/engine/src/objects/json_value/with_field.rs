//! `JSONValue.withField`: sets a field, however deep inside objects; objects on the way are made where there is nothing.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets a field, however deep inside objects; objects on the way are made where there is nothing.
///
/// A value on the way that is neither an object nor `null` is an error: it would be lost.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSONValue!")]
#[example(r#"json.withField(path: ["server", "port"], value: json.newInteger(value: 80)).contents"# => r#""{\"server\":{\"port\":80}}""#)]
#[example(r#"json.withContents(contents: "{\"port\": 80}").withField(path: ["port"], value: json.newInteger(value: 8080)).contents"# => r#""{\"port\":8080}""#)]
#[example(r#"json.withContents(contents: "{\"ports\": [80]}").withField(path: ["ports", "http"], value: json.newInteger(value: 80)).contents"# => r#"raises "the value of 'ports' is not an object but an array""#)]
pub struct WithField {
    /// Names of fields, from outside inwards; at least one.
    path: Vec<String>,
    /// The value of the field.
    value: Ref<JsonValue>,
}

impl Run for WithField {
    type On = JsonValue;
    type Output = JsonValue;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<JsonValue, OpError> {
        on.with_field(&self.path, &self.value.object)
    }
}
