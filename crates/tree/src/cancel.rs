//! Ending work on a tree for which nobody waits any more.
//!
//! A tree is a graph: directories that are in it several times are stored once, so a few nodes may stand for more paths than
//! anyone can visit. Loops over paths therefore ask here whether they shall go on. The flag belongs to the thread and not
//! to every function's arguments, as whoever begins the work is far from the loops.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::node::TreeError;

thread_local! {
    static FLAG: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Puts the flag back that was there before, also where the work panics.
struct Restore(Option<Arc<AtomicBool>>);

impl Drop for Restore {
    fn drop(&mut self) {
        FLAG.set(self.0.take());
    }
}

/// Does work on this thread that ends with [`TreeError::Cancelled`] soon after the flag is set.
pub fn within<T>(flag: Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    let _restore = Restore(FLAG.replace(Some(flag)));
    work()
}

/// Whether the work on this thread shall go on.
///
/// # Errors
/// [`TreeError::Cancelled`].
pub fn check() -> Result<(), TreeError> {
    let is_set =
        |flag: &Option<Arc<AtomicBool>>| flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
    if FLAG.with_borrow(is_set) { Err(TreeError::Cancelled) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::deltas;
    use crate::memory::Memory;
    use crate::testing::doubled;
    use crate::{Editor, Equality, Filter, compare, filter, glob};

    #[test]
    fn only_within() {
        let flag = Arc::new(AtomicBool::new(true));
        assert_eq!(check(), Ok(()));
        within(Arc::clone(&flag), || {
            assert_eq!(check(), Err(TreeError::Cancelled));
            within(Arc::default(), || assert_eq!(check(), Ok(())));
            assert_eq!(check(), Err(TreeError::Cancelled));
        });
        assert_eq!(check(), Ok(()));
    }

    /// Without a look at the flag, each of these would take years.
    #[test]
    fn work_without_an_end_is_ended() {
        let memory = Memory::new();
        let (root, other) = (doubled(&memory, 40, "x"), doubled(&memory, 40, "y"));
        let wanted = Filter::new(&["**/none"], &[], false).unwrap();
        let works: [&(dyn Fn() -> Result<(), TreeError> + Sync); 5] = [
            &|| glob(&memory, &root, "**/none").map(drop),
            &|| filter(&memory, &root, &wanted).map(drop),
            &|| compare(&memory, &root, &other, Equality::Content).map(drop),
            &|| deltas(&memory, &root, &other).map(drop),
            &|| Editor::new(&memory, Some(root))?.remove("**/none"),
        ];
        for work in works {
            let flag = Arc::new(AtomicBool::new(false));
            let set = Arc::clone(&flag);
            let timer = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                set.store(true, Ordering::Relaxed);
            });
            assert_eq!(within(flag, work), Err(TreeError::Cancelled));
            timer.join().unwrap();
        }
    }
}
