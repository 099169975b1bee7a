//! `Directory.withoutFile`: removes a file. One that is not there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::TreeError;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Removes a file. One that is not there is no error.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").withNewFile(path: "b.txt", contents: "").withoutFile(path: "a.txt").entries"# => r#"["b.txt"]"#)]
#[example(r#"directory.withoutFile(path: "missing").entries"# => r#"[]"#)]
pub struct WithoutFile {
    /// Which; may be a pattern (`*.log`).
    path: String,
}

impl Run for WithoutFile {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        check_names_file(&self.path)?;
        check_inside(&self.path)?;
        Ok(on.edited(Step::Remove(vec![self.path])))
    }
}

/// Fails for a path that leads to where it starts, such as the empty one: all that is there would be gone.
pub fn check_names_file(path: &str) -> Result<(), OpError> {
    if !kukri_tree::path::clean(path.as_bytes()).is_ok_and(|path| path.is_empty()) {
        return Ok(());
    }
    Err(OpError::new(format!(
        "{path:?} names no file to remove: give its path, or use withoutDirectory for a directory"
    )))
}

/// Fails for a path that leads out of the directory: what is there would be taken for what was named.
pub fn check_inside(path: &str) -> Result<(), OpError> {
    match kukri_tree::path::clean_inside(path.as_bytes()) {
        Err(TreeError::Escapes(path)) => Err(OpError::new(TreeError::Outside(path).to_string())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_no_file() {
        for path in ["", ".", "/", "./", "//.", "..", "a/..", "/.."] {
            let error = check_names_file(path).unwrap_err().to_string();
            assert!(error.contains("names no file to remove"), "{path:?}: {error}");
        }
        for path in ["a", "/a", "*", ".a", "a/.", "..a"] {
            assert!(check_names_file(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn nothing_outside_is_removed() {
        for path in ["..", "../a", "a/../../b", "../*.log", "./.."] {
            let error = check_inside(path).unwrap_err().to_string();
            assert_eq!(error, format!("{path}: is outside of the directory"));
        }
        for path in ["", "/", "a", "/../a", "a/..", "..a", "*"] {
            assert!(check_inside(path).is_ok(), "{path:?}");
        }
    }
}
