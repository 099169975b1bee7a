//! `Container.withoutFile`: removes a file. One that is not there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::directory::without_file::check_names_file;
use crate::operation::Run;
use crate::vertex::edit::{Step, edit};

/// Removes a file. One that is not there is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withNewFile(path: "/a", contents: "").withNewFile(path: "/b", contents: "").withoutFile(path: "/a").rootfs.entries"# => r#"["b"]"#)]
pub struct WithoutFile {
    /// Which; may be a pattern (`*.log`).
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithoutFile {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path_of_file(&self.path, self.expand)?;
        on.edited(&path, |tree, path| edit(tree, Step::Remove(vec![path])))
    }
}

impl Container {
    /// The path of a file that is to be removed, with variables replaced if asked.
    pub fn path_of_file(&self, given: &str, expand: bool) -> Result<String, OpError> {
        let given = if expand { self.expand(given)? } else { given.to_owned() };
        check_names_file(&given)?;
        let path = self.absolute(&given);
        // A `..` may lead there from the working directory.
        check_names_file(&path)?;
        Ok(path)
    }
}
