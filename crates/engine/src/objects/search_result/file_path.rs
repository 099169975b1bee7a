//! `SearchResult.filePath`: the file, as a path from the directory that was searched.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchResult;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The file, as a path from the directory that was searched.
#[derive(Operation)]
#[operation(on = "SearchResult", returns = "String!")]
#[example(r#"host.directory(path: "src").search(pattern: "return").filePath"# => r#"["hello.py"]"#)]
pub struct FilePath {}

impl Run for FilePath {
    type On = SearchResult;
    type Output = String;

    async fn run(self, on: Arc<SearchResult>, _: &Cx) -> Result<String, OpError> {
        Ok(on.found.path.clone())
    }
}
