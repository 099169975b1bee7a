//! `File.withName`: the same file under another name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Source, Step, edit};

/// The same file under another name.
#[derive(Operation)]
#[operation(on = "File", returns = "File!")]
#[example(r#"directory.withFile(path: "etc/", source: file(name: "draft.txt", contents: "x").withName(name: "final.txt")).glob(pattern: "**")"# => r#"["etc/", "etc/final.txt"]"#)]
pub struct WithName {
    /// The new name, without `/`.
    name: String,
}

impl Run for WithName {
    type On = File;
    type Output = File;

    async fn run(self, on: Arc<File>, _: &Cx) -> Result<File, OpError> {
        objects::file::check_name(&self.name)?;
        let step = Step::PutFile {
            path: "".into(),
            source: on.source.clone(),
            name: self.name.as_str().into(),
            into: true,
            mode: None,
            owner: None,
        };
        Ok(File { source: Source { tree: edit(TreeHandle::empty(), step), path: self.name.into() } })
    }
}
