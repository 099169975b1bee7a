//! `Directory.withTimestamps`: gives everything in the directory the same modification time.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Gives everything in the directory the same modification time.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"container.from(address: "alpine").withDirectory(path: "/a", source: directory.withNewFile(path: "b", contents: "").withTimestamps(timestamp: 1700000000)).withExec(args: ["stat", "-c", "%Y", "/a/b"]).stdout"# => r#""1700000000\n""#)]
pub struct WithTimestamps {
    /// Seconds since 1970, UTC.
    timestamp: i64,
}

impl Run for WithTimestamps {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let nanoseconds = self
            .timestamp
            .checked_mul(1_000_000_000)
            .ok_or_else(|| OpError::new(format!("{}: too far from 1970 for a timestamp", self.timestamp)))?;
        Ok(on.edited(Step::Timestamps(nanoseconds)))
    }
}
