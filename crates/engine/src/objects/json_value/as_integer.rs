//! `JSONValue.asInteger`: a whole number.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A whole number.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "Int!")]
#[example(r#"json.withContents(contents: "{\"port\": 8080}").field(path: ["port"]).asInteger"# => r#"8080"#)]
pub struct AsInteger {}

impl Run for AsInteger {
    type On = JsonValue;
    type Output = i64;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<i64, OpError> {
        on.value.as_i64().ok_or_else(|| on.is_not("an integer"))
    }
}
