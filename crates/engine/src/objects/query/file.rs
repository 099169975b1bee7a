//! `Query.file`: A new file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Source, Step, edit};

/// A new file.
#[derive(Operation)]
#[operation(on = "Query", returns = "File!")]
#[example(r#"file(name: "hello.txt", contents: "hello").contents"# => r#""hello""#)]
#[example(r##"directory.withFile(path: "run.sh", source: file(name: "run.sh", contents: "#!/bin/sh\n", permissions: 493)).stat(path: "run.sh").permissions"## => r#"493"#)]
pub struct File {
    /// Its name, without `/`.
    name: String,
    /// What it holds.
    contents: String,
    /// Permission bits.
    #[arg(default = "420")]
    permissions: i64,
}

impl Run for File {
    type On = Query;
    type Output = objects::file::File;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<objects::file::File, OpError> {
        objects::file::check_name(&self.name)?;
        let mode = objects::mode(self.permissions)?;
        let path: Arc<str> = self.name.into();
        let content = Arc::from(self.contents.into_bytes());
        let step = Step::NewFile { path: Arc::clone(&path), content, mode, owner: None };
        Ok(objects::file::File { source: Source { tree: edit(TreeHandle::empty(), step), path } })
    }
}
