//! Which steps a step uses the results of.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use kukri_model::Digest;
use kukri_telemetry::SpanId;

use crate::vertex::{TreeHandle, Vertex, VertexOp};

/// Most steps of a session that are remembered. Those after that have no inputs in pictures, and nothing else is lost.
const MOST: usize = 100_000;

/// How many changes to files are looked through between a step and those before it.
const FAR: usize = 10_000;

/// The spans that made the trees of one session.
///
/// Changes to files are too many to be told: what is between two steps is passed over. So it is looked up when a step is
/// told, and costs nothing where nobody listens.
#[derive(Default)]
pub struct Lineage(Mutex<HashMap<Digest, SpanId>>);

impl Lineage {
    fn made(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, SpanId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A vertex, or a tree that came from elsewhere, is the work of a span.
    pub fn note(&self, made: Digest, span: SpanId) {
        let mut known = self.made();
        if known.len() < MOST {
            known.insert(made, span);
        }
    }

    /// Whether the session has been told of a vertex.
    pub fn knows(&self, made: &Digest) -> bool {
        self.made().contains_key(made)
    }

    /// The spans that trees come from, in order, without repetition.
    pub fn of(&self, trees: Vec<TreeHandle>) -> Vec<SpanId> {
        let mut spans = Vec::new();
        let mut seen: HashSet<*const Vertex> = HashSet::new();
        let mut todo = trees;
        let made = self.made();
        while let Some(tree) = todo.pop() {
            let span = match &tree {
                TreeHandle::Known(tree) => made.get(&tree.stored),
                TreeHandle::Output(vertex, _) => {
                    let span = made.get(&vertex.digest);
                    if span.is_none()
                        && matches!(vertex.op, VertexOp::Edit(_))
                        && seen.len() < FAR
                        && seen.insert(Arc::as_ptr(vertex))
                    {
                        todo.extend(vertex.trees());
                    }
                    span
                }
            };
            spans.extend(span);
        }
        spans.sort_unstable();
        spans.dedup();
        spans
    }
}

#[cfg(test)]
mod tests {
    use kukri_tree::Node;

    use super::*;
    use crate::vertex::edit::{Source, Step, edit};

    fn edited(tree: TreeHandle, other: TreeHandle) -> TreeHandle {
        edit(tree, Step::Diff(Source { tree: other, path: "".into() }))
    }

    #[test]
    fn changes_to_files_are_passed_over() {
        let tree = |byte| {
            let mut tree = Node::empty().id();
            tree.stored = Digest::from_bytes([byte; 32]);
            TreeHandle::Known(tree)
        };
        let lineage = Lineage::default();
        lineage.note(Digest::from_bytes([1; 32]), 7);
        lineage.note(Digest::from_bytes([2; 32]), 5);
        let first = edited(tree(1), tree(3));
        let second = edited(first.clone(), tree(2));
        assert_eq!(lineage.of(vec![first.clone()]), [7]);
        assert_eq!(lineage.of(vec![second.clone(), second, first]), [5, 7]);
        assert_eq!(lineage.of(vec![tree(3)]), [0_u64; 0]);
    }
}
