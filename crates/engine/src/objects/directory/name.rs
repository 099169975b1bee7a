//! `Directory.name`: the base name with `/`; `/` for a root.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The base name with `/`; `/` for a root.
#[derive(Operation)]
#[operation(on = "Directory", returns = "String!")]
#[example(r#"directory.withNewDirectory(path: "src/app").directory(path: "src/app").name"# => r#""app/""#)]
#[example(r#"directory.name"# => r#""/""#)]
pub struct Name {}

impl Run for Name {
    type On = Directory;
    type Output = String;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<String, OpError> {
        Ok(match on.source.path.rsplit('/').next() {
            Some(name) if !name.is_empty() => format!("{name}/"),
            _ => "/".to_owned(),
        })
    }
}
