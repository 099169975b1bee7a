//! `File.chown`: changes the owner of the file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Step};

/// Changes the owner of the file.
#[derive(Operation)]
#[operation(on = "File", returns = "File!")]
#[example(r#"container.from(address: "alpine").withMountedFile(path: "/a", source: file(name: "a", contents: "").chown(owner: "1000:100")).withExec(args: ["stat", "-c", "%u:%g", "/a"]).stdout"# => r#""1000:100\n""#)]
pub struct Chown {
    /// `user[:group]`, as numbers.
    owner: String,
}

impl Run for Chown {
    type On = File;
    type Output = File;

    async fn run(self, on: Arc<File>, _: &Cx) -> Result<File, OpError> {
        let owner = Owner { spec: self.owner.into(), names: None };
        Ok(on.alone(Step::Chown { path: on.name().into(), owner }))
    }
}
