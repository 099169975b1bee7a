//! Which results and volumes go, and why.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use kukri_model::Digest;

use crate::Store;
use crate::care::mark::Marks;
use crate::care::needed::Needed;
use crate::care::sweep::Gaps;
use crate::care::usage::{Entry, Stored};
use crate::disk::reserve;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::memory::recent::Spare;
use crate::records::now;
use crate::store::Inner;

/// What to prune. With nothing set, only what no result needs goes.
#[derive(Clone, Default, Debug)]
pub struct PruneOptions {
    /// Drop every result, whatever the budget. What running work uses stays.
    pub all: bool,
    /// Drop least recently used results until the store has at most this many bytes, without volumes.
    pub max_bytes: Option<u64>,
    /// For the sake of a limit, drop no result without which results, and what they need, would have fewer bytes than this.
    pub reserved_bytes: u64,
    /// Drop least recently used results until the disk has at least this many bytes free.
    pub min_free_bytes: Option<u64>,
    /// Drop results, and volumes if those are asked for, that were not used for longer.
    pub keep_duration: Option<Duration>,
    /// Only drop entries whose label or id contains this text.
    pub filter: Option<String>,
    /// Leave results alone that were used within the time of grace, also by processes that had the store before.
    /// [`Store::gc`] does so as long as there is enough else that can go.
    pub spare_recent: bool,
    /// What stays for having been written or asked for lately: contents, and results that were asked for or whose contents
    /// all stay, to drop which would cost work and free nothing; and cache volumes.
    pub spare: Spare,
    /// Cache volumes as well: with `all` or without `keep_duration` every one that is not in use.
    pub volumes: bool,
    /// Only tell what would be done.
    pub dry_run: bool,
}

/// One thing that was dropped, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// What it was.
    pub entry: Entry,
    /// Why, in words for a person.
    pub reason: String,
}

/// What a prune did, or would do.
#[derive(Clone, Default, Debug)]
pub struct PruneReport {
    /// Dropped results and volumes.
    pub dropped: Vec<Dropped>,
    /// Bytes of all records that went: they are free now, or will be when the background deletion is done. Small
    /// contents count when the pack they are in goes.
    pub freed_bytes: u64,
    /// Bytes the store holds afterwards, without volumes. For a dry run, those it holds now less those that would go.
    pub kept_bytes: u64,
    /// Nodes that went because nothing refers to them.
    pub nodes: u64,
    /// Small contents that went.
    pub packed: u64,
    /// Large contents that went.
    pub objects: u64,
    /// Layers that went.
    pub layers: u64,
}

impl Store {
    /// Drops what the options name, then everything that nothing needs any more. Others may go on using the store.
    pub fn prune(&self, options: &PruneOptions) -> Result<PruneReport> {
        let inner = &*self.inner;
        let _one = lock(&inner.care);
        if !options.dry_run {
            reserve::give_up_when_full(self.root());
        }
        let recent = Watching::start(inner, options.spare);
        let mut before = inner.data_bytes()?;
        let mut limit = limit(inner, options, before)?;
        if limit.as_ref().is_some_and(|limit| before > limit.max) {
            // No result goes in place of pages that hold nothing, and of the log.
            inner.shrink_index(true)?;
            before = inner.data_bytes()?;
            limit = self::limit(inner, options, before)?;
        }
        let over = limit.as_ref().is_some_and(|limit| before > limit.max);
        // What is left in a pack is copied before the pack goes.
        let gaps = if over && self.disk()?.1 >= ROOM_TO_COPY { Gaps::Small } else { Gaps::Large };
        let mut report = PruneReport::default();
        let results = inner.results()?;
        let needed = Needed::find(inner, &recent.spared, &results)?;
        let mut plan = self.plan(options, &results, &needed, limit.as_ref())?;
        if let Some(limit) = limit.as_mut().filter(|_| over) {
            // What results need is not all: there are the index, gaps in packs, and contents that are only spared.
            for _ in 0..PASSES {
                let lacking = before.saturating_sub(plan.frees(inner, gaps)?).saturating_sub(limit.max);
                if lacking == 0 || limit.room == 0 {
                    break;
                }
                limit.room = limit.room.min(plan.kept).saturating_sub(lacking);
                plan = self.plan(options, &results, &needed, Some(limit))?;
            }
        }
        let Plan { mut marks, doomed, .. } = plan;
        // Sizes of what goes come after all that stays was counted.
        let mut keys = Vec::new();
        let mut counted = marks.clone();
        for (stored, reason) in doomed {
            let mut bytes = stored.value_bytes;
            for root in &stored.roots {
                bytes += counted.root(inner, root)?;
            }
            report.freed_bytes += stored.value_bytes;
            keys.push(stored.key);
            report.dropped.push(Dropped { entry: stored.entry(bytes), reason });
        }
        drop((counted, needed, results));
        if options.dry_run {
            inner.would_sweep(&marks, gaps, &mut report)?;
            report.kept_bytes = before.saturating_sub(report.freed_bytes);
        } else {
            inner.drop_on_full_disk(&keys)?;
            inner.sweep(&mut marks, gaps, &mut report)?;
            report.kept_bytes = inner.data_bytes()?;
            inner.make_room();
        }
        self.prune_volumes(options, &mut report)?;
        Ok(report)
    }

    /// Which results go.
    fn plan<'a>(
        &self,
        options: &PruneOptions,
        results: &'a [Stored],
        needed: &Needed,
        limit: Option<&Limit>,
    ) -> Result<Plan<'a>> {
        let inner = &*self.inner;
        let mut plan = Plan { marks: needed.marks.clone(), kept: needed.bytes, doomed: Vec::new() };
        // Strictly by age: once there is no room, older ones do not slip through because they are small.
        let mut full = false;
        for stored in results {
            if needed.has(stored) {
                continue;
            }
            let spared = options.spare_recent && unused(stored) < self.config().grace;
            let mut reason = reason(options, stored);
            if reason.is_none() {
                let room = match limit {
                    Some(limit)
                        if selected(options, stored) && !spared && plan.kept >= options.reserved_bytes =>
                    {
                        limit.room.checked_sub(plan.kept + stored.value_bytes).filter(|_| !full)
                    }
                    _ => Some(u64::MAX),
                };
                let added = match room {
                    Some(room) => plan.marks.try_roots(inner, &stored.roots, room)?,
                    None => None,
                };
                match (added, limit) {
                    (Some(bytes), _) => plan.kept += stored.value_bytes + bytes,
                    (None, Some(Limit { max, why, .. })) => {
                        full = true;
                        reason = Some(format!("{why}; least recently used ({max} bytes can stay)"));
                    }
                    (None, None) => {}
                }
            }
            if let Some(reason) = reason {
                plan.doomed.push((stored, reason));
            }
        }
        Ok(plan)
    }

    fn prune_volumes(&self, options: &PruneOptions, report: &mut PruneReport) -> Result<()> {
        if !options.volumes {
            return Ok(());
        }
        for entry in self.inner.volume_entries(self, &self.inner.recent.all(options.spare))? {
            let old = options.keep_duration.is_none_or(|keep| age(entry.last_used) > keep);
            if entry.in_use || !matches(options, &entry.label, &entry.id) || !(options.all || old) {
                continue;
            }
            if !options.dry_run {
                match self.remove_volume(&entry.id) {
                    Ok(true) => {}
                    // Somebody took it meanwhile.
                    Ok(false) | Err(StoreError::VolumeInUse { .. }) => continue,
                    Err(error) => return Err(error),
                }
            }
            report.freed_bytes += entry.bytes;
            report.dropped.push(Dropped { entry, reason: "cache volumes were asked for".to_owned() });
        }
        Ok(())
    }
}

/// How often a limit is tried to be met with less room for results.
const PASSES: usize = 4;

/// Free bytes of the disk from which on packs with small gaps are emptied as well: more than are in a pack.
const ROOM_TO_COPY: u64 = 256 << 20;

/// How long dropping waits for room on a full disk.
const ROOM_TIMEOUT: Duration = Duration::from_secs(2);

impl Inner {
    /// Drops results also from a disk that is quite full. To note it needs some room, and what filled the disk may still
    /// be on its way to the trash.
    fn drop_on_full_disk(&self, keys: &[Digest]) -> Result<()> {
        let start = Instant::now();
        loop {
            match self.drop_results(keys) {
                Err(error) if error.is_full() && start.elapsed() < ROOM_TIMEOUT => {
                    self.make_room();
                    std::thread::sleep(Duration::from_millis(20));
                }
                outcome => return outcome,
            }
        }
    }
}

/// Bytes that may stay.
struct Limit {
    /// In all.
    max: u64,
    /// Of results, with what they need.
    room: u64,
    /// What to say about those that are over it.
    why: &'static str,
}

/// What stays, and what goes.
struct Plan<'a> {
    /// All that stays.
    marks: Marks,
    /// Its bytes, as far as they are counted.
    kept: u64,
    /// Results that go, and why.
    doomed: Vec<(&'a Stored, String)>,
}

impl Plan<'_> {
    /// Bytes that are free afterwards, as far as they are counted.
    fn frees(&self, inner: &Inner, gaps: Gaps) -> Result<u64> {
        let mut report = PruneReport::default();
        inner.would_sweep(&self.marks, gaps, &mut report)?;
        Ok(report.freed_bytes + self.doomed.iter().map(|(stored, _)| stored.value_bytes).sum::<u64>())
    }
}

/// Records what is touched as long as a collection runs.
struct Watching<'a> {
    inner: &'a Inner,
    spared: Vec<Digest>,
}

impl<'a> Watching<'a> {
    fn start(inner: &'a Inner, spare: Spare) -> Self {
        let _gate = inner.gate.write().unwrap_or_else(PoisonError::into_inner);
        Self { inner, spared: inner.recent.start(spare) }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.inner.recent.stop();
    }
}

fn age(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

fn selected(options: &PruneOptions, stored: &Stored) -> bool {
    matches(options, &stored.label, &stored.key.hex())
}

fn matches(options: &PruneOptions, label: &str, id: &str) -> bool {
    options.filter.as_ref().is_none_or(|filter| label.contains(filter) || id.contains(filter))
}

fn limit(inner: &Inner, options: &PruneOptions, now: u64) -> Result<Option<Limit>> {
    let limit = |max, why| Limit { max, room: max, why };
    let mut found = options.max_bytes.map(|max| limit(max, "over the size limit of the store"));
    if let Some(min_free) = options.min_free_bytes {
        let root = inner.layout.root();
        let disk = rustix::fs::statvfs(root).map_err(StoreError::os("look at the disk of", root))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let need = min_free.saturating_sub(free);
        let max = now.saturating_sub(need);
        if need > 0 && found.as_ref().is_none_or(|other| max < other.max) {
            found = Some(limit(max, "the disk has less free space than it should"));
        }
    }
    Ok(found)
}

fn unused(stored: &Stored) -> Duration {
    Duration::from_secs((now() - stored.used).max(0) as u64)
}

/// Why a result goes whatever the budget.
fn reason(options: &PruneOptions, stored: &Stored) -> Option<String> {
    if !selected(options, stored) {
        return None;
    }
    if options.all {
        return Some("everything was asked for".to_owned());
    }
    let unused = unused(stored);
    options
        .keep_duration
        .filter(|keep| unused > *keep)
        .map(|keep| format!("not used for {} s, kept for {} s", unused.as_secs(), keep.as_secs()))
}

impl Inner {
    /// Drops results, except those that were asked for meanwhile.
    fn drop_results(&self, keys: &[Digest]) -> Result<()> {
        let used: HashSet<Digest> = lock(&self.used).keys().copied().collect();
        let keys: Vec<&Digest> = keys.iter().filter(|key| !used.contains(*key)).collect();
        // In parts, so that the log of the index stays short.
        keys.chunks(1000).try_for_each(|part| {
            self.index.write("drop results", |transaction| {
                let mut delete = transaction.prepare_cached("DELETE FROM results WHERE key=?")?;
                part.iter().try_for_each(|key| delete.execute([key.as_bytes()]).map(drop))
            })
        })
    }
}
