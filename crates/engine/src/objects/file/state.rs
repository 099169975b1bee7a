//! A file: a place in a tree that may not be computed yet.

use kukri_model::schema::ObjectDef;

use crate::context::Cx;
use crate::error::OpError;
use crate::objects::{file_at, read_tree};
use crate::value::ObjectType;
use crate::vertex::TreeHandle;
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

    /// The file, if it is there.
    pub async fn checked(self, cx: &Cx) -> Result<Self, OpError> {
        read_tree(cx, &self.source, |store, tree, path| file_at(store, tree, path).map(|_| ())).await?;
        Ok(self)
    }

    /// Base name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.path.rsplit('/').next().unwrap_or_default()
    }

    /// The file alone in a tree, after a step there. The step's paths are the file's name.
    #[must_use]
    pub fn alone(&self, step: Step) -> Self {
        Self { source: Source { tree: edit(self.alone_in_tree(), step), path: self.name().into() } }
    }

    /// A tree with nothing but the file.
    #[must_use]
    pub fn alone_in_tree(&self) -> TreeHandle {
        let put = Step::PutFile {
            path: "".into(),
            source: self.source.clone(),
            name: self.name().into(),
            into: true,
            mode: None,
            owner: None,
        };
        edit(TreeHandle::empty(), put)
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
