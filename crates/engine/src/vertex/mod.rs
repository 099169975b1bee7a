//! The second of the two graphs: low-level operations that the solver runs.
//!
//! Calls are lowered to vertices without side effects. A vertex is identified by its recipe (`digest`); its cache key
//! also sees the content of its inputs.

pub mod edit;
mod edit_changes;
pub mod edit_run;
pub mod exec;
mod exec_run;
pub mod handle;
pub mod layers;
pub mod pull;
mod pull_report;
mod result;
mod solve;
pub mod tarball;

use std::sync::{Arc, OnceLock};

use kukri_model::Digest;
use kukri_tree::TreeId;

pub use handle::{Slot, TreeHandle};
pub use result::{BlobRef, ExecOutput, ImageOutput, VertexValue};
pub use solve::SolveContext;

/// One low-level operation with its inputs.
pub struct Vertex {
    /// Identity by recipe.
    pub digest: Digest,
    /// What it does.
    pub op: VertexOp,
    /// Modification times that were set in its trees; see [`TreeHandle::times`]. By slot, or empty if there are none.
    times: Vec<Option<Digest>>,
    /// Its value, once this process knows it.
    known: OnceLock<VertexValue>,
}

/// The kinds of low-level operations: one file each.
pub enum VertexOp {
    /// Changes a tree.
    Edit(edit::Edit),
    /// Runs a command.
    Exec(Box<exec::Exec>),
    /// Fetches and unpacks an image.
    Pull(pull::Pull),
    /// Writes an image as a tar.
    Tarball(Box<tarball::Tarball>),
    /// Reads an image from a tar.
    Import(pull::Import),
}

impl Vertex {
    /// A vertex.
    #[must_use]
    pub fn new(mut op: VertexOp) -> Arc<Self> {
        let times = match &mut op {
            VertexOp::Edit(edit) => edit.times().map_or_else(Vec::new, |times| vec![Some(times)]),
            VertexOp::Exec(exec) => exec.times(),
            VertexOp::Pull(_) | VertexOp::Tarball(_) | VertexOp::Import(_) => Vec::new(),
        };
        let digest = match &op {
            VertexOp::Edit(edit) => edit.recipe(),
            VertexOp::Exec(exec) => exec.recipe(),
            VertexOp::Pull(pull) => pull.recipe(),
            VertexOp::Tarball(tarball) => tarball.recipe(),
            VertexOp::Import(import) => import.recipe(),
        };
        Arc::new(Self { digest, op, times, known: OnceLock::new() })
    }

    const fn times(&self, slot: Slot) -> Option<&Digest> {
        let index = match slot {
            Slot::Tree => 0,
            Slot::Mount(index) => index + 1,
        };
        match self.times.as_slice().split_at_checked(index) {
            Some((_, [Some(times), ..])) => Some(times),
            _ => None,
        }
    }

    /// The value, if this process knows it.
    #[must_use]
    pub fn known(&self) -> Option<&VertexValue> {
        self.known.get()
    }

    /// Keeps the value.
    pub fn learn(&self, value: VertexValue) {
        // A second writer has found the same value: keys are content-based.
        let _ = self.known.set(value);
    }

    /// The trees it needs, in the order in which `run` gets their values.
    #[must_use]
    pub fn trees(&self) -> Vec<TreeHandle> {
        match &self.op {
            VertexOp::Edit(edit) => edit.trees(),
            VertexOp::Exec(exec) => exec.trees(),
            VertexOp::Pull(_) => Vec::new(),
            VertexOp::Tarball(tarball) => tarball.trees(),
            VertexOp::Import(import) => vec![import.source.clone()],
        }
    }

    /// For progress and messages.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.op {
            VertexOp::Edit(edit) => edit.label(),
            VertexOp::Exec(exec) => exec.label(),
            VertexOp::Pull(pull) => format!("pull {}", pull.reference),
            VertexOp::Tarball(_) => "write image".to_owned(),
            VertexOp::Import(_) => "import image".to_owned(),
        }
    }
}

impl std::fmt::Debug for Vertex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{:?}", self.label(), self.digest)
    }
}

/// Chains get thousands of vertices long: dropping one must not recurse along it.
impl Drop for Vertex {
    fn drop(&mut self) {
        let mut pending: Vec<Arc<Self>> = Vec::new();
        self.release(&mut pending);
        while let Some(vertex) = pending.pop() {
            if let Some(mut vertex) = Arc::into_inner(vertex) {
                vertex.release(&mut pending);
            }
        }
    }
}

impl Vertex {
    fn release(&mut self, pending: &mut Vec<Arc<Self>>) {
        let mut give = |handle: &mut TreeHandle| {
            if let TreeHandle::Output(vertex, _) = std::mem::replace(handle, TreeHandle::nothing()) {
                pending.push(vertex);
            }
        };
        match &mut self.op {
            VertexOp::Edit(edit) => edit.each_tree(&mut give),
            VertexOp::Exec(exec) => exec.each_tree(&mut give),
            VertexOp::Pull(_) => {}
            VertexOp::Tarball(tarball) => tarball.each_tree(&mut give),
            VertexOp::Import(import) => give(&mut import.source),
        }
    }
}

/// The tree of a value, by slot.
pub(crate) fn tree_of(value: &VertexValue, slot: Slot) -> Option<TreeId> {
    match (value, slot) {
        (VertexValue::Tree(tree), Slot::Tree) => Some(*tree),
        (VertexValue::Image(image), Slot::Tree) => Some(image.tree),
        (VertexValue::Exec(exec), Slot::Tree) => Some(exec.rootfs),
        (VertexValue::Exec(exec), Slot::Mount(index)) => exec.mounts.get(index).copied(),
        _ => None,
    }
}
