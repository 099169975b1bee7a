//! Which chain of steps determined how long everything took.

use std::collections::HashMap;

use crate::event::SpanId;

/// Most steps that are remembered. Paths of steps after that begin with them.
const MOST: usize = 100_000;

/// For each step that is over, the longest chain of steps that led to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    ends: HashMap<SpanId, End>,
    longest: Option<SpanId>,
}

#[derive(Clone, Debug)]
struct End {
    /// Time that the steps of the chain took together, with this one.
    total_ns: u64,
    own_ns: u64,
    label: String,
    before: Option<SpanId>,
}

impl Paths {
    /// A step is over, and ran for so long.
    pub(crate) fn step(&mut self, id: SpanId, inputs: &[SpanId], label: &str, own_ns: u64) {
        if self.ends.len() >= MOST {
            return;
        }
        let before = inputs
            .iter()
            .filter_map(|input| self.ends.get(input).map(|end| (end.total_ns, *input)))
            .max_by_key(|(total, _)| *total);
        let total_ns = own_ns + before.map_or(0, |(total, _)| total);
        let before = before.map(|(_, id)| id);
        self.ends.insert(id, End { total_ns, own_ns, label: label.to_owned(), before });
        if self.longest.and_then(|longest| self.ends.get(&longest)).is_none_or(|end| end.total_ns < total_ns)
        {
            self.longest = Some(id);
        }
    }

    /// The longest chain, first step first: nanoseconds and label. Steps that took no time are left out.
    pub(crate) fn longest(&self) -> Vec<(u64, &str)> {
        let mut path = Vec::new();
        let mut next = self.longest;
        while let Some(end) = next.and_then(|id| self.ends.get(&id)) {
            if end.own_ns > 0 {
                path.push((end.own_ns, end.label.as_str()));
            }
            // Steps end after those that they use, so this cannot go in circles.
            next = end.before;
            if path.len() > MOST {
                break;
            }
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_chain_wins_and_not_the_longest_step() {
        let mut paths = Paths::default();
        paths.step(1, &[], "pull", 3);
        paths.step(2, &[], "lone", 6);
        paths.step(3, &[1], "install", 2);
        paths.step(4, &[1, 99], "lint", 1);
        paths.step(5, &[4, 3], "cached", 0);
        paths.step(6, &[5], "test", 4);
        assert_eq!(paths.longest(), [(3, "pull"), (2, "install"), (4, "test")]);
        assert_eq!(Paths::default().longest(), []);
    }
}
