//! `File.contents`: what the file holds, as text. Bytes that are not UTF-8 are replaced.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// What the file holds, as text. Bytes that are not UTF-8 are replaced.
#[derive(Operation)]
#[operation(on = "File", returns = "String!")]
#[example(r#"host.file(path: "README.md").contents"# => r##""# Hello\n\nA small project.\n""##)]
#[example(r#"host.file(path: "README.md").contents(offsetLines: 2, limitLines: 1)"# => r#""A small project.\n""#)]
pub struct Contents {
    /// Lines left out at the start.
    offset_lines: Option<i64>,
    /// Most lines given.
    limit_lines: Option<i64>,
}

impl Run for Contents {
    type On = File;
    type Output = String;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<String, OpError> {
        let text = objects::file_text(cx, &on.source).await?;
        if self.offset_lines.is_none() && self.limit_lines.is_none() {
            return Ok(text);
        }
        let count = |number: Option<i64>, name: &str| {
            number
                .map(|number| {
                    usize::try_from(number).map_err(|_| OpError::new(format!("{name} must not be negative")))
                })
                .transpose()
        };
        let (offset, limit) =
            (count(self.offset_lines, "offsetLines")?, count(self.limit_lines, "limitLines")?);
        Ok(text.split_inclusive('\n').skip(offset.unwrap_or(0)).take(limit.unwrap_or(usize::MAX)).collect())
    }
}
