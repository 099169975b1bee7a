//! `Directory.chown`: changes the owner of what is at a path, and of all below.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::readable;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Step};

/// Changes the owner of what is at a path, and of all below.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"container.from(address: "alpine").withMountedDirectory(path: "/a", source: directory.withNewFile(path: "app/b", contents: "").chown(path: "app", owner: "1000:100")).withExec(args: ["stat", "-c", "%u:%g", "/a/app/b"]).stdout"# => r#""1000:100\n""#)]
pub struct Chown {
    /// What.
    path: String,
    /// `user[:group]`; names are looked up in the directory's own `/etc/passwd` and `/etc/group`.
    owner: String,
}

impl Run for Chown {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let owner = Owner { spec: self.owner.into(), names: None };
        Ok(on.edited(Step::Chown { path: readable(&self.path)?, owner }))
    }
}
