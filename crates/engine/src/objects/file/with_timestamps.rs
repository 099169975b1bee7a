//! `File.withTimestamps`: gives the file a modification time.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Gives the file a modification time.
#[derive(Operation)]
#[operation(on = "File", returns = "File!")]
#[example(r#"container.from(address: "alpine").withFile(path: "/a", source: file(name: "a", contents: "").withTimestamps(timestamp: 1700000000)).withExec(args: ["stat", "-c", "%Y", "/a"]).stdout"# => r#""1700000000\n""#)]
pub struct WithTimestamps {
    /// Seconds since 1970, UTC.
    timestamp: i64,
}

impl Run for WithTimestamps {
    type On = File;
    type Output = File;

    async fn run(self, on: Arc<File>, _: &Cx) -> Result<File, OpError> {
        let nanoseconds = self
            .timestamp
            .checked_mul(1_000_000_000)
            .ok_or_else(|| OpError::new(format!("{}: too far from 1970 for a timestamp", self.timestamp)))?;
        Ok(on.alone(Step::Timestamps(nanoseconds)))
    }
}
