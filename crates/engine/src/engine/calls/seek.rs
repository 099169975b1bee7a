//! What of a call is new: the way from it down to what the store has.

use std::sync::Arc;
use std::time::SystemTime;

use kukri_model::{Digest, Generations};

use super::kept::{Gathered, Outer, Web};
use super::{ALL_KNOWN, Known, is_landmark};
use crate::args::ArgValue;
use crate::call::Call;

/// A search for what is known of a call.
pub(super) struct Seeking<'k> {
    pub(super) known: &'k mut Generations<Known>,
    /// The call that gets a row.
    pub(super) wanted: Digest,
    /// Rows that were stored before will not do; nothing does without it.
    pub(super) fresh: Option<SystemTime>,
    /// When the oldest row that was found was stored.
    pub(super) oldest: Option<SystemTime>,
}

impl Seeking<'_> {
    /// Where the store has the call, if a row may refer to that. `depth` is how many steps it is away from what was asked for.
    fn elsewhere(&mut self, call: &Call, depth: usize) -> Option<Outer> {
        let digest = call.digest;
        if call.receiver.is_none() {
            return Some(Outer { call: digest, row: digest });
        }
        let fresh = self.fresh?;
        let close = depth < ALL_KNOWN || is_landmark(&digest) || call.was_learnt();
        if !close || digest == self.wanted {
            return None;
        }
        let known = self.known.get(&digest).filter(|known| known.since >= fresh)?;
        self.oldest = Some(self.oldest.map_or(known.since, |oldest| oldest.min(known.since)));
        Some(Outer { call: digest, row: known.row })
    }

    /// The steps of a call that is made of nothing but receivers. Nothing for others.
    pub(super) fn chain<'c>(&mut self, call: &'c Arc<Call>) -> Option<Gathered<'c>> {
        let (mut steps, mut here) = (Vec::new(), call);
        let start = loop {
            if let Some(start) = self.elsewhere(here, steps.len()) {
                break start;
            }
            if here.args.iter().any(|(_, value)| refers(value)) {
                return None;
            }
            steps.push(here);
            // Only the root has none, and that is elsewhere.
            here = here.receiver.as_ref()?;
        };
        steps.reverse();
        Some(Gathered::Chain { start, steps })
    }

    /// All that a call is made of.
    pub(super) fn web<'c>(&mut self, call: &'c Arc<Call>) -> Web<'c> {
        enum Visit<'c> {
            Enter(&'c Arc<Call>, usize),
            Leave(&'c Arc<Call>),
        }
        let mut row = Web::default();
        // With a stack of our own: chains get thousands of calls long.
        let mut pending = vec![Visit::Enter(call, 0)];
        while let Some(visit) = pending.pop() {
            match visit {
                Visit::Leave(done) => row.call(done),
                Visit::Enter(here, _) if row.has(&here.digest) => {}
                Visit::Enter(here, depth) => match self.elsewhere(here, depth) {
                    Some(outer) => row.outer(outer),
                    None => {
                        pending.push(Visit::Leave(here));
                        pending.extend(here.receiver.iter().map(|part| Visit::Enter(part, depth + 1)));
                        // Arguments are given by their IDs, so it is likely that they are known.
                        each_argument(here, &mut |part| pending.push(Visit::Enter(part, 0)));
                    }
                },
            }
        }
        row
    }
}

/// Whether a value has a call in it.
fn refers(value: &ArgValue) -> bool {
    match value {
        ArgValue::Ref(_) | ArgValue::Resolved(..) => true,
        ArgValue::List(items) => items.iter().any(refers),
        ArgValue::Object(fields) => fields.iter().any(|(_, value)| refers(value)),
        _ => false,
    }
}

/// The calls that a call is made of directly.
pub(in crate::engine) fn each_part<'c>(call: &'c Call, visit: &mut impl FnMut(&'c Arc<Call>)) {
    call.receiver.iter().for_each(&mut *visit);
    each_argument(call, visit);
}

fn each_argument<'c>(call: &'c Call, visit: &mut impl FnMut(&'c Arc<Call>)) {
    fn each<'c>(value: &'c ArgValue, visit: &mut impl FnMut(&'c Arc<Call>)) {
        match value {
            ArgValue::Ref(call) | ArgValue::Resolved(_, call) => visit(call),
            ArgValue::List(items) => items.iter().for_each(|item| each(item, visit)),
            ArgValue::Object(fields) => fields.iter().for_each(|(_, value)| each(value, visit)),
            _ => {}
        }
    }
    call.args.iter().for_each(|(_, value)| each(value, visit));
}
