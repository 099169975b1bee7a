//! The budget of a store, and how it is kept to.

use std::time::{Duration, Instant, SystemTime};

use crate::Store;
use crate::care::prune::{PruneOptions, PruneReport};
use crate::error::{Result, StoreError};
use crate::memory::recent::Spare;

/// The limits that [`Store::gc`] keeps to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Most bytes in the store, without volumes.
    pub max_bytes: u64,
    /// Least bytes that are free on the disk.
    pub min_free_bytes: u64,
    /// How long results stay that are not used. `None`: no limit.
    pub keep_duration: Option<Duration>,
}

/// How much room there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Bytes in the store, without volumes.
    pub used: u64,
    /// Bytes of the disk.
    pub disk_total: u64,
    /// Bytes of the disk that are free.
    pub disk_free: u64,
    /// The limits of the store.
    pub budget: Budget,
}

impl Store {
    /// How much room there is, and how much of it the store may take.
    pub fn space(&self) -> Result<Space> {
        let config = self.config();
        let (total, free) = self.disk()?;
        Ok(Space {
            used: self.inner.data_bytes()?,
            disk_total: total,
            disk_free: free,
            budget: Budget {
                max_bytes: config.max_bytes.unwrap_or(total / 2),
                min_free_bytes: config.min_free_bytes.unwrap_or(total / 5),
                keep_duration: config.keep_duration,
            },
        })
    }

    /// Bytes of the disk, and how many of them are free. Costs a microsecond.
    pub fn disk(&self) -> Result<(u64, u64)> {
        let disk =
            rustix::fs::statvfs(self.root()).map_err(StoreError::os("look at the disk of", self.root()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok((bytes(disk.f_blocks), bytes(disk.f_bavail)))
    }

    /// Prunes to the budget the store was opened with.
    ///
    /// What was used within the time of grace goes last, and only if there is not enough else: whoever comes back soon
    /// finds it. Where others have filled the disk, [`Budget::reserved_bytes`] of it stay. `live` says what those who are
    /// there now may rely on; that stays in any case.
    pub fn gc(&self, live: Spare) -> Result<PruneReport> {
        let Space { used, disk_free, budget, .. } = self.space()?;
        let mut report = self.prune(&PruneOptions {
            max_bytes: Some(budget.max_bytes),
            min_free_bytes: Some(budget.min_free_bytes),
            keep_duration: budget.keep_duration,
            spare_recent: true,
            spare: self.spare_for(budget.keep_duration, live),
            ..PruneOptions::default()
        })?;
        // By what was free before: what was dropped may not be deleted yet.
        let room = used.saturating_sub(budget.min_free_bytes.saturating_sub(disk_free));
        let max_bytes = budget.max_bytes.min(room.max(budget.reserved_bytes()));
        if report.kept_bytes > max_bytes {
            report.add(self.prune(&PruneOptions {
                max_bytes: Some(max_bytes),
                spare: live,
                ..PruneOptions::default()
            })?);
        }
        // Not before: to write to the index of a full disk takes the room that was made.
        self.forget_calls(
            SystemTime::now().checked_sub(self.calls_kept()).unwrap_or(SystemTime::UNIX_EPOCH),
        )?;
        Ok(report)
    }

    /// What stays for having been touched lately: the time of grace is of no use where results are to be kept for less.
    fn spare_for(&self, keep: Option<Duration>, live: Spare) -> Spare {
        let keep = keep.filter(|keep| *keep < self.config().grace);
        match keep.and_then(|keep| Instant::now().checked_sub(keep)) {
            None => Spare::Grace,
            Some(kept) => match live {
                Spare::Grace => Spare::Grace,
                Spare::Since(began) => Spare::Since(began.min(kept)),
                Spare::Nothing => Spare::Since(kept),
            },
        }
    }
}

impl Budget {
    /// Bytes of what was used lately that stay although the disk has less free than it should: where other data has
    /// filled it, to drop them would cost work again and again, and free little. A quarter of the most.
    #[must_use]
    pub const fn reserved_bytes(&self) -> u64 {
        self.max_bytes / 4
    }
}

impl Space {
    /// Whether [`Store::gc`] is due.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.used > self.budget.max_bytes
            || (self.disk_free < self.budget.min_free_bytes && self.used > self.budget.reserved_bytes())
    }
}

impl PruneReport {
    /// Adds what a later one did.
    fn add(&mut self, later: Self) {
        self.dropped.extend(later.dropped);
        self.freed_bytes += later.freed_bytes;
        self.kept_bytes = later.kept_bytes;
        self.nodes += later.nodes;
        self.packed += later.packed;
        self.objects += later.objects;
        self.layers += later.layers;
    }
}
