//! `Directory.filter`: keeps only some entries.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Selection, Step};

/// Keeps only some entries.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
pub struct Filter {
    /// Patterns of what is left out, as in `.dockerignore`.
    #[arg(default = "[]")]
    exclude: Vec<String>,
    /// Patterns of what stays; all if empty.
    #[arg(default = "[]")]
    include: Vec<String>,
    /// Leave out what `.gitignore` files say.
    #[arg(default = "false")]
    gitignore: bool,
}

impl Run for Filter {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let selection = Selection { include: self.include, exclude: self.exclude, gitignore: self.gitignore };
        Ok(on.edited(Step::Filter(selection)))
    }
}
