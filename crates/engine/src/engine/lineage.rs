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
pub struct Lineage {
    made: Mutex<HashMap<Digest, SpanId>>,
    spared: Mutex<HashSet<Digest>>,
}

impl Lineage {
    fn made(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, SpanId>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The steps that nobody has to do, or to look at, because the result of this one is known: those before it and it
    /// itself, as far as they were not given for another step of the session. Their recipes.
    pub fn spares(&self, vertex: &Vertex) -> Vec<Digest> {
        let made = self.made();
        let mut spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        if spared.len() >= MOST || !spared.insert(vertex.digest) {
            return Vec::new();
        }
        let mut recipes = vec![vertex.digest];
        let mut seen: HashSet<*const Vertex> = HashSet::new();
        let mut todo = vertex.trees();
        while let Some(tree) = todo.pop() {
            let TreeHandle::Output(next, _) = tree else { continue };
            if seen.len() >= FAR || !seen.insert(Arc::as_ptr(&next)) {
                continue;
            }
            if !matches!(next.op, VertexOp::Edit(_)) {
                // Those that the session has been told of have run, or have been counted.
                if made.contains_key(&next.digest) || !spared.insert(next.digest) {
                    continue;
                }
                recipes.push(next.digest);
            }
            todo.extend(next.trees());
        }
        recipes
    }

    /// A vertex, or a tree that came from elsewhere, is the work of a span.
    pub fn note(&self, made: Digest, span: SpanId) {
        let mut known = self.made();
        if known.len() < MOST {
            known.insert(made, span);
        }
    }

    /// The same, unless the session has been told of it already. Whether it is told now: of many who find a vertex at the
    /// same moment, one does.
    pub fn claim(&self, made: Digest, span: SpanId) -> bool {
        let mut known = self.made();
        if known.contains_key(&made) {
            return false;
        }
        if known.len() < MOST {
            known.insert(made, span);
        }
        true
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
    use crate::vertex::Slot;
    use crate::vertex::edit::{Source, Step, edit};
    use crate::vertex::pull::Import;

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

    #[test]
    fn of_many_who_find_a_vertex_at_once_one_tells_of_it() {
        let lineage = Lineage::default();
        let made = Digest::of(b"vertex");
        let told = std::thread::scope(|scope| {
            let tell = |span| lineage.claim(made, span);
            let threads: Vec<_> = (0..8).map(|span| scope.spawn(move || tell(span))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|told| *told).count()
        });
        assert_eq!(told, 1);
    }

    /// Each step once in a session, whatever leads to it.
    #[test]
    fn what_was_before_a_known_step_is_spared_once() {
        let tar = |source| {
            let (path, tag, platform) = ("x".into(), String::new(), "linux/amd64".parse().unwrap());
            Vertex::new(VertexOp::Import(Import { source, path, tag, platform }))
        };
        let output = |vertex: &Arc<Vertex>| TreeHandle::Output(Arc::clone(vertex), Slot::Tree);
        let first = tar(TreeHandle::empty());
        let second = tar(edited(output(&first), TreeHandle::empty()));
        let one = tar(edited(output(&second), output(&first)));
        let other = tar(edited(output(&second), output(&second)));
        let lineage = Lineage::default();
        let spared = |vertex: &Arc<Vertex>| lineage.spares(vertex).len();
        assert_eq!((spared(&one), spared(&one)), (3, 0));
        assert_eq!((spared(&other), spared(&second)), (1, 0));
        let lineage = Lineage::default();
        lineage.note(second.digest, 1);
        assert_eq!(lineage.spares(&one), [one.digest, first.digest], "what was told is not told again");
        assert_eq!(lineage.spares(&second), [second.digest]);
    }
}
