//! `Query.json`: the JSON value `null`, from which others are made.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::json_value::JsonValue;
use crate::operation::Run;

/// The JSON value `null`, from which others are made.
#[derive(Operation)]
#[operation(on = "Query", returns = "JSONValue!", name = "json")]
#[example(r#"json.contents"# => r#""null""#)]
#[example(r#"json.withField(path: ["name"], value: json.newString(value: "hello")).contents"# => r#""{\"name\":\"hello\"}""#)]
pub struct GetJson {}

impl Run for GetJson {
    type On = Query;
    type Output = JsonValue;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<JsonValue, OpError> {
        Ok(JsonValue::default())
    }
}
