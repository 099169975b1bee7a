//! Which call made the command that failed.
//!
//! A program may run one command in many places, and the error of one knows only what ran. So the calls that the answer
//! was made of are looked through for the one that was lowered to the vertex which failed.

use std::collections::HashSet;
use std::sync::Arc;

use super::Engine;
use super::calls::each_part;
use crate::call::Call;
use crate::error::ExecError;
use crate::objects::container::Container;
use crate::session::Session;
use crate::value::Value;

/// Most calls that are looked through.
const MOST: usize = 100_000;

impl Engine {
    /// The call of `withExec` whose command failed, among those that `asked` is made of. None where another one that does
    /// the same ran for it, or where the session has forgotten what its calls gave.
    #[must_use]
    pub fn failed_exec(&self, session: &Session, asked: &Arc<Call>, error: &ExecError) -> Option<Arc<Call>> {
        let mut seen = HashSet::new();
        let mut pending = vec![asked];
        while let Some(call) = pending.pop() {
            if seen.len() >= MOST || !seen.insert(call.digest) {
                continue;
            }
            if runs(session, call, error) {
                return Some(Arc::clone(call));
            }
            each_part(call, &mut |part| pending.push(part));
        }
        None
    }
}

/// Whether a call is the `withExec` that was lowered to what failed.
fn runs(session: &Session, call: &Call, error: &ExecError) -> bool {
    if call.operation.is_none_or(|operation| operation.def.name != "withExec") {
        return false;
    }
    let Some(Value::Object(object)) = session.known(&call.digest) else { return false };
    let container = object.downcast::<Container>().ok();
    let exec = container.as_ref().and_then(|container| container.last_exec.as_ref());
    exec.is_some_and(|exec| exec.digest == error.recipe)
}
