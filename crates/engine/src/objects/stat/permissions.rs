//! `Stat.permissions`: the 9 permission bits.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Stat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The 9 permission bits.
#[derive(Operation)]
#[operation(on = "Stat", returns = "Int!")]
#[example(r#"directory.withNewFile(path: "run.sh", contents: "", permissions: 493).stat(path: "run.sh").permissions"# => r#"493"#)]
pub struct Permissions {}

impl Run for Permissions {
    type On = Stat;
    type Output = i64;

    async fn run(self, on: Arc<Stat>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::from(on.stat.permissions))
    }
}
