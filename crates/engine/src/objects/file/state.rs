//! A file: a place in a tree that may not be computed yet.

use kukri_model::schema::ObjectDef;

use crate::error::OpError;
use crate::value::ObjectType;
use crate::vertex::edit::{Source, Step, edit};

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "File", doc: "A file.", interfaces: &["Exportable", "Syncer"] };

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is; the path is never empty.
    pub source: Source,
}

impl ObjectType for File {
    const NAME: &'static str = "File";
}

impl File {
    /// The file at a place, which must not be a root.
    pub fn at(source: Source) -> Result<Self, OpError> {
        if source.path.is_empty() {
            return Err(OpError::new("path / is a directory, not a file"));
        }
        Ok(Self { source })
    }

    /// Base name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.path.rsplit('/').next().unwrap_or_default()
    }

    /// The file alone in a tree, after a step there. The step's paths are the file's name.
    #[must_use]
    pub fn alone(&self, step: Step) -> Self {
        let name: std::sync::Arc<str> = self.name().into();
        let put = Step::PutFile {
            path: "".into(),
            source: self.source.clone(),
            name: std::sync::Arc::clone(&name),
            into: true,
            mode: None,
            owner: None,
        };
        let tree = edit(edit(crate::vertex::TreeHandle::empty(), put), step);
        Self { source: Source { tree, path: name } }
    }
}

/// Refuses what cannot be the name of a file.
pub fn check_name(name: &str) -> Result<(), OpError> {
    if name.contains('/') {
        return Err(OpError::new(format!("file name {name:?} must not contain a directory")));
    }
    if !kukri_tree::is_name(name.as_bytes()) {
        return Err(OpError::new(format!(
            "{name:?} cannot be a file name (1 to 255 bytes, not \".\" or \"..\")"
        )));
    }
    Ok(())
}
