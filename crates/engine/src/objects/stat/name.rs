//! `Stat.name`: base name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Stat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Base name.
#[derive(Operation)]
#[operation(on = "Stat", returns = "String!")]
#[example(r#"directory.withNewFile(path: "src/main.py", contents: "").stat(path: "src/main.py").name"# => r#""main.py""#)]
pub struct Name {}

impl Run for Name {
    type On = Stat;
    type Output = String;

    async fn run(self, on: Arc<Stat>, _: &Cx) -> Result<String, OpError> {
        Ok(on.stat.name.clone())
    }
}
