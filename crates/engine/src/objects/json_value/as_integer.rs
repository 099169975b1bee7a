//! `JSONValue.asInteger`: a whole number.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A whole number of 64 bits. Others, and numbers with a fraction or an exponent, are errors: `contents` has them as they
/// are written.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "Int!")]
#[example(r#"json.withContents(contents: "{\"port\": 8080}").field(path: ["port"]).asInteger"# => r#"8080"#)]
#[example(r#"json.withContents(contents: "{\"number\": 123456789012345678901}").field(path: ["number"]).asInteger"# => r#"raises "64 bits""#)]
pub struct AsInteger {}

impl Run for AsInteger {
    type On = JsonValue;
    type Output = i64;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<i64, OpError> {
        on.integer()
    }
}
