//! A directory: a place in a tree that may not be computed yet.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use kukri_tree::TreeId;

use crate::error::OpError;
use crate::objects::file::File;
use crate::value::ObjectType;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Owner, Source, Step, edit};

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "Directory",
    doc: "A directory with all in it.",
    interfaces: &["Exportable", "Syncer"],
};

/// A directory.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Where it is.
    pub source: Source,
}

impl ObjectType for Directory {
    const NAME: &'static str = "Directory";
}

impl Directory {
    /// The root of a known tree.
    #[must_use]
    pub fn of(tree: TreeId) -> Self {
        Self::of_handle(TreeHandle::Known(tree))
    }

    /// The root of a tree.
    #[must_use]
    pub fn of_handle(tree: TreeHandle) -> Self {
        Self { source: Source { tree, path: "".into() } }
    }

    /// What lies at `path`, which cannot lead out of the directory: neither by `..` nor by a link.
    #[must_use]
    pub fn inside(&self, path: &str) -> Source {
        Source { tree: self.source.root(), path: path.into() }
    }

    /// The directory after a step.
    #[must_use]
    pub fn edited(&self, step: Step) -> Self {
        Self::of_handle(edit(self.source.root(), step))
    }

    /// The directory with a copy of a file, which belongs to `owner`: root if that is empty, as in containers.
    pub fn with_file(
        &self,
        path: &str,
        file: &File,
        mode: Option<u32>,
        owner: &str,
        into: bool,
    ) -> Result<Self, OpError> {
        let owner = Some(Owner { spec: owner.into(), names: None });
        let slash = if path.ends_with('/') { "/" } else { "" };
        let path = format!("{}{slash}", checked(path)?).into();
        let (source, name) = (file.source.clone(), file.name().into());
        Ok(self.edited(Step::PutFile { path, source, name, into, mode, owner }))
    }
}

/// A path below the directory's root under which something is made, cleaned.
pub fn checked(path: &str) -> Result<Arc<str>, OpError> {
    cleaned(path, "cannot create directory outside parent")
}

/// A path below the directory's root at which something is read, cleaned.
pub fn readable(path: &str) -> Result<Arc<str>, OpError> {
    cleaned(path, "is outside of the directory")
}

fn cleaned(path: &str, outside: &str) -> Result<Arc<str>, OpError> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| OpError::new(format!("{path}: {outside}")))?;
            }
            name if name.len() > 255 => {
                let start: String = name.chars().take(40).collect();
                return Err(OpError::new(format!(
                    "{start}…: File name length exceeds the maximum supported 255 characters"
                )));
            }
            name => parts.push(name),
        }
    }
    Ok(parts.join("/").into())
}
