//! `File.stat`: facts of the file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Facts of the file.
#[derive(Operation)]
#[operation(on = "File", returns = "Stat")]
#[example(r##"file(name: "run.sh", contents: "#!/bin/sh\n", permissions: 493).stat.permissions"## => r#"493"#)]
pub struct Stat {}

impl Run for Stat {
    type On = File;
    type Output = Option<objects::stat::Stat>;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<Option<objects::stat::Stat>, OpError> {
        objects::stat::stat_of(cx, &on.source, true).await.map(Some)
    }
}
