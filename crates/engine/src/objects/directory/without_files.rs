//! `Directory.withoutFiles`: removes files. Those that are not there are no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::without_file::{check_inside, check_names_file};
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Removes files. Those that are not there are no error.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").withNewFile(path: "b.log", contents: "").withNewFile(path: "c.log", contents: "").withoutFiles(paths: ["*.log"]).entries"# => r#"["a.txt"]"#)]
pub struct WithoutFiles {
    /// Which; may be patterns.
    paths: Vec<String>,
}

impl Run for WithoutFiles {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        self.paths.iter().try_for_each(|path| check_names_file(path).and_then(|()| check_inside(path)))?;
        Ok(on.edited(Step::Remove(self.paths)))
    }
}
