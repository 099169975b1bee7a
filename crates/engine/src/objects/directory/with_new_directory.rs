//! `Directory.withNewDirectory`: makes a directory. An existing one is left as it is.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::checked;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Makes a directory. An existing one is left as it is.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewDirectory(path: "var/cache").glob(pattern: "**")"# => r#"["var/", "var/cache/"]"#)]
#[example(r#"directory.withNewDirectory(path: "private", permissions: 448).stat(path: "private").permissions"# => r#"448"#)]
pub struct WithNewDirectory {
    /// Where. Missing parents are made.
    path: String,
    /// Permission bits; 0 means 0755. The default is 0644, as in the original: give 0755 (493) where users other than root
    /// must enter.
    #[arg(default = "420")]
    permissions: i64,
}

impl Run for WithNewDirectory {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let mode = match crate::objects::mode(self.permissions)? {
            0 => 0o755,
            mode => mode,
        };
        Ok(on.edited(Step::NewDirectory { path: checked(&self.path)?, mode }))
    }
}
