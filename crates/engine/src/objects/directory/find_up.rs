//! `Directory.findUp`: the path of the nearest entry of a name, from a directory upwards; null if there is none.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::Follow;

use super::Directory;
use super::readable;
use crate::context::Cx;
use crate::error::OpError;
use crate::error::OrFail;
use crate::objects;
use crate::operation::Run;

/// The path of the nearest entry of a name, from a directory upwards; null if there is none.
#[derive(Operation)]
#[operation(on = "Directory", returns = "String")]
#[example(r#"directory.withNewFile(path: "pyproject.toml", contents: "").withNewFile(path: "src/app/main.py", contents: "").findUp(name: "pyproject.toml", start: "src/app")"# => r#""pyproject.toml""#)]
#[example(r#"directory.withNewDirectory(path: "src").findUp(name: "pyproject.toml", start: "src")"# => r#"null"#)]
pub struct FindUp {
    /// Which name.
    name: String,
    /// Where the search starts.
    start: String,
}

impl Run for FindUp {
    type On = Directory;
    type Output = Option<String>;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<Option<String>, OpError> {
        check_name(&self.name)?;
        objects::read_directory(cx, &on.source, move |store, tree| {
            let mut directory = readable(&self.start)?.to_string();
            loop {
                let path = if directory.is_empty() {
                    self.name.clone()
                } else {
                    format!("{directory}/{}", self.name)
                };
                if kukri_tree::try_exists(store, tree, &path, Follow::Parents).or_fail()? {
                    return Ok(Some(path));
                }
                if directory.is_empty() {
                    return Ok(None);
                }
                directory.truncate(directory.rfind('/').unwrap_or(0));
            }
        })
        .await
    }
}

/// Fails for what is no name below a directory. Several names with slashes between are fine.
pub fn check_name(name: &str) -> Result<(), OpError> {
    if name.contains('\0') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(OpError::new(format!(
            "cannot look for the name {name:?}: give that of a file or directory, without \".\" and \"..\""
        )));
    }
    Ok(())
}
