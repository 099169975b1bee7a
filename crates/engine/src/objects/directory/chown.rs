//! `Directory.chown`: changes the owner of what is at a path, and of all below.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::checked;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Step};

/// Changes the owner of what is at a path, and of all below.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
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
        Ok(on.edited(Step::Chown { path: checked(&self.path)?, owner }))
    }
}
