//! Layers of images: the steps that led to a root file system, each as what it changed.

use std::sync::Arc;

use kukri_oci::{Compression, LayerInfo, MediaTypes, layer_out};
use kukri_store::Store;
use kukri_tree::{Equality, Node, TreeId};
use serde_json::{Value, json};

use super::{ImageOutput, Slot, TreeHandle, Vertex, VertexOp};
use crate::error::{OpError, OrFail};
use crate::transfer::Meter;

/// So many layers an image has at most: Docker stacks 125, and others can be put on top of ours.
const MAX_LAYERS: usize = 120;
/// Length of what the history says about a step, in bytes.
const MAX_LABEL: usize = 500;

/// How a root file system came to be.
#[derive(Debug)]
pub struct LayerHistory {
    /// The image at the bottom, whose layers are kept: the vertex that fetched it.
    pub base: Option<Arc<Vertex>>,
    /// The steps since, first to last.
    pub steps: Vec<LayerStep>,
}

/// A step that made a tree out of the one before.
#[derive(Debug)]
pub struct LayerStep {
    /// What it left.
    pub tree: TreeHandle,
    /// What it was, for the image's history.
    pub label: String,
    /// What it means where times differ from those before.
    pub times: Times,
}

/// What another modification time means in the tree that a step left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Times {
    /// Nothing: an edit changes what it names. Where the times of other files differ, trees come from different runs of
    /// the same steps.
    Ignored,
    /// It goes into the layer, if there is one. Times alone make none.
    Kept,
    /// It was asked for, and is a change like any other.
    Set,
}

impl Times {
    /// How the tree is compared with the one before.
    const fn equality(self) -> Equality {
        match self {
            Self::Ignored => Equality::Content,
            Self::Kept | Self::Set => Equality::Stored,
        }
    }

    fn of(op: &VertexOp) -> Self {
        match op {
            VertexOp::Edit(edit) if edit.step.sets_times() => Self::Set,
            VertexOp::Edit(_) => Self::Ignored,
            _ => Self::Kept,
        }
    }
}

impl LayerHistory {
    /// The history of `rootfs`. Of more steps than an image may have layers, the later ones become one.
    #[must_use]
    pub fn of(rootfs: &TreeHandle) -> Self {
        let (mut base, mut steps) = (None, Vec::new());
        let mut handle = rootfs;
        loop {
            let TreeHandle::Output(vertex, Slot::Tree) = handle else {
                if handle.known() != Some(Node::empty().id()) {
                    steps.push((handle, "copy a directory".to_owned(), Times::Kept));
                }
                break;
            };
            let below = match &vertex.op {
                VertexOp::Pull(_) | VertexOp::Import(_) => {
                    base = Some(Arc::clone(vertex));
                    break;
                }
                VertexOp::Exec(exec) => Some(&exec.rootfs),
                VertexOp::Edit(edit) if edit.step.goes_on() => Some(&edit.base),
                _ => None,
            };
            steps.push((handle, label(vertex.label()), Times::of(&vertex.op)));
            let Some(below) = below else { break };
            handle = below;
        }
        if steps.len() > MAX_LAYERS {
            let merged = steps.len() - MAX_LAYERS + 1;
            let times = strictest(steps[..merged].iter().map(|(_, _, times)| *times));
            steps.splice(..merged, [(rootfs, format!("{merged} steps"), times)]);
        }
        // The trees between have to be there. The last of them may stand for many edits.
        for (handle, ..) in steps.iter().skip(usize::from(steps.len() == MAX_LAYERS)) {
            handle.edit().into_iter().for_each(super::edit::Edit::alone);
        }
        let step = |(tree, label, times): (&TreeHandle, String, Times)| LayerStep {
            tree: tree.clone(),
            label,
            times,
        };
        Self { base, steps: steps.into_iter().rev().map(step).collect() }
    }

    /// What the steps left.
    pub fn trees(&self) -> impl Iterator<Item = &TreeHandle> {
        self.steps.iter().map(|step| &step.tree)
    }
}

/// What times mean in the tree that several steps left.
fn strictest(steps: impl Iterator<Item = Times>) -> Times {
    steps.max().unwrap_or(Times::Ignored)
}

fn label(mut text: String) -> String {
    if text.len() > MAX_LABEL {
        let end = (0..=MAX_LABEL).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The layers of the base image, and one for each step that left something else than the one before. Times alone make
/// no layer, unless they were set. `history` becomes that of the base image with these steps; `meter` counts what goes into new layers. Blocks.
pub fn write(
    store: &Store,
    base: Option<&ImageOutput>,
    steps: &[(TreeId, String, Times)],
    compression: Option<Compression>,
    media_types: MediaTypes,
    history: &mut Vec<Value>,
    meter: &Meter,
) -> Result<Vec<LayerInfo>, OpError> {
    let (mut layers, mut below) = match base {
        Some(base) => (base.layers.clone(), base.tree),
        None => (Vec::new(), store.put_empty_tree().or_fail()?),
    };
    *history = base.map_or_else(Vec::new, |base| base.config.history.clone());
    let room = MAX_LAYERS.saturating_sub(layers.len()).max(1);
    // Steps that have no layer of their own are in the next one.
    let mut since = 0;
    for (at, (tree, label, _)) in steps.iter().enumerate() {
        let is_last = at + 1 == steps.len();
        let times = strictest(steps[since..=at].iter().map(|(_, _, times)| *times));
        let is_same = tree.content == below.content && (times < Times::Set || tree.stored == below.stored);
        if is_same || (at + 1 >= room && !is_last) {
            continue;
        }
        let compression = compression.unwrap_or_default();
        let packed = |bytes| meter.add(bytes);
        let layer = layer_out(store, Some(&below), tree, times.equality(), compression, media_types, &packed);
        if let Some(layer) = layer.or_fail()? {
            layers.push(layer);
            history.push(json!({"created_by": label}));
            (below, since) = (*tree, at + 1);
        }
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vertex::edit::{Step, edit};

    fn chain(length: usize) -> TreeHandle {
        (0..length).fold(TreeHandle::empty(), |tree, at| {
            edit(tree, Step::NewDirectory { path: format!("d{at}").into(), mode: 0o755 })
        })
    }

    fn labels(rootfs: &TreeHandle) -> Vec<String> {
        LayerHistory::of(rootfs).steps.into_iter().map(|step| step.label).collect()
    }

    #[test]
    fn each_step_is_one() {
        assert_eq!(labels(&chain(2)), ["new directory d0", "new directory d1"]);
        let part = edit(chain(2), Step::Subtree("d0".into()));
        assert_eq!(labels(&part), ["directory d0"], "what lies beside the part must not be in a layer below");
    }

    #[test]
    fn too_many_steps_end_in_one() {
        let labels = labels(&chain(10_000));
        assert_eq!(labels.len(), MAX_LAYERS);
        assert_eq!(labels[0], "new directory d0");
        assert_eq!(labels[MAX_LAYERS - 1], format!("{} steps", 10_000 - MAX_LAYERS + 1));
    }

    #[test]
    fn the_trees_between_are_asked_for() {
        let rootfs = chain(3);
        let _ = LayerHistory::of(&rootfs);
        assert_eq!(rootfs.edit().unwrap().chain().1.len(), 1);
    }

    #[test]
    fn labels_have_an_end() {
        assert!(label("é".repeat(1000)).len() < MAX_LABEL + 5);
        assert_eq!(label("short".to_owned()), "short");
    }
}
