//! Who may run: a count of slots and a queue, first come first served.

use std::collections::VecDeque;

/// Free slots and those who wait for some.
#[derive(Debug)]
pub(crate) struct Slots {
    total: u32,
    free: u32,
    queue: VecDeque<(u64, u32)>,
}

impl Slots {
    pub(crate) fn new(total: u32) -> Self {
        let total = total.max(1);
        Self { total, free: total, queue: VecDeque::new() }
    }

    /// How many slots a vertex with this weight takes.
    pub(crate) fn clamp(&self, weight: u32) -> u32 {
        weight.min(self.total)
    }

    /// `job` asks for `slots` (clamped). It gets them from [`Slots::next`]. Whoever needs none must not ask.
    pub(crate) fn ask(&mut self, job: u64, slots: u32) {
        self.queue.push_back((job, slots));
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    /// Gives slots back.
    pub(crate) fn release(&mut self, slots: u32) {
        self.free += slots;
        debug_assert!(self.free <= self.total);
    }

    /// The next one in the queue, if there are enough slots for it, which it then has. A large one is not overtaken
    /// by smaller ones behind it. `alive` tells whether somebody who has asked still wants to run.
    pub(crate) fn next(&mut self, alive: impl Fn(u64) -> bool) -> Option<(u64, u32)> {
        while let Some(&(job, slots)) = self.queue.front() {
            if !alive(job) {
                self.queue.pop_front();
            } else if slots <= self.free {
                self.queue.pop_front();
                self.free -= slots;
                return Some((job, slots));
            } else {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served() {
        let mut slots = Slots::new(3);
        for (job, weight) in [(1, 2), (2, 2), (3, 1), (4, 9)] {
            let weight = slots.clamp(weight);
            slots.ask(job, weight);
        }
        assert_eq!(slots.next(|_| true), Some((1, 2)));
        assert_eq!(slots.next(|_| true), None, "3 would fit, but must not overtake 2");
        slots.release(2);
        assert_eq!(slots.next(|_| true), Some((2, 2)));
        assert_eq!(slots.next(|_| true), Some((3, 1)));
        assert_eq!(slots.next(|_| true), None);
        slots.release(2);
        slots.release(1);
        assert_eq!(slots.next(|_| true), Some((4, 3)), "too large is clamped");
    }

    #[test]
    fn those_who_left_do_not_block() {
        let mut slots = Slots::new(1);
        slots.ask(1, 1);
        slots.ask(2, 1);
        assert_eq!(slots.next(|job| job != 1), Some((2, 1)));
    }
}
