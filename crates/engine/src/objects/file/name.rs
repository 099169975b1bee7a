//! `File.name`: the base name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The base name.
#[derive(Operation)]
#[operation(on = "File", returns = "String!")]
#[example(r#"directory.withNewFile(path: "src/main.py", contents: "").file(path: "src/main.py").name"# => r#""main.py""#)]
pub struct Name {}

impl Run for Name {
    type On = File;
    type Output = String;

    async fn run(self, on: Arc<File>, _: &Cx) -> Result<String, OpError> {
        Ok(on.name().to_owned())
    }
}
