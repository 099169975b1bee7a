//! Searching the contents of a tree's files, on all processors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use kukri_store::Store;
use kukri_tree::{Query, Search, SearchMatch, SearchRoom, Searching, Target, TreeError, TreeId};

use super::read::read_directory;
use super::search_result::SearchResult;
use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::vertex::edit::Source;
use crate::vertex::edit_run::Blobs;

/// Longest content that is taken into memory as a whole, in bytes.
const WHOLE: u64 = 8 << 20;

/// Most files, and about most bytes, that a thread takes at a time.
const BATCH_FILES: usize = 128;
const BATCH_BYTES: u64 = 1 << 20;

/// Most bytes that the matches of one search take in memory.
const MAX_MATCHES: u64 = 128 << 20;

/// Most threads of one search.
const MAX_THREADS: usize = 8;

/// Ends a search whose caller has gone away.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The matches in a directory, in walk order; at most `limit`.
pub async fn search(
    cx: &Cx,
    source: &Source,
    query: Query,
    limit: Option<i64>,
) -> Result<Vec<SearchResult>, OpError> {
    let limit = match limit.map(usize::try_from) {
        None => usize::MAX,
        Some(limit) => limit.map_err(|_| OpError::new("limit must not be negative"))?,
    };
    // To compile a pattern may take some milliseconds.
    let search = crate::blocking(move || Search::new(query).or_fail()).await?;
    let stop = Arc::new(AtomicBool::new(limit == 0));
    let _guard = StopOnDrop(Arc::clone(&stop));
    let _turn = cx.engine.searches().acquire().await.or_fail()?;
    let found =
        read_directory(cx, source, move |store, tree| run(store, tree, &search, limit, &stop)).await?;
    Ok(found.into_iter().map(|found| SearchResult { found: Arc::new(found) }).collect())
}

fn run(
    store: &Store,
    tree: &TreeId,
    search: &Search,
    limit: usize,
    stop: &AtomicBool,
) -> Result<Vec<SearchMatch>, OpError> {
    let targets = search.targets(store, &Blobs(store), tree).or_fail()?;
    let batches = batches(&targets);
    let (next, enough) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let room = SearchRoom::new(MAX_MATCHES);
    // Batches are taken in order, so what the first ones found is complete when there is enough.
    let work = || -> Result<Vec<(usize, Vec<SearchMatch>)>, OpError> {
        let mut searching = search.searching(&room);
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.get(at) else { return Ok(found) };
            if stop.load(Ordering::Relaxed) || enough.load(Ordering::Relaxed) >= limit {
                return Ok(found);
            }
            let matches = one(store, &mut searching, batch, limit)?;
            if !matches.is_empty() {
                enough.fetch_add(matches.len(), Ordering::Relaxed);
                found.push((at, matches));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MAX_THREADS).min(batches.len());
    let mut found = if threads <= 1 {
        work()?
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for thread in running {
                all.extend(thread.join().map_err(|_| OpError::new("internal error: a search panicked"))??);
            }
            Ok::<_, OpError>(all)
        })?
    };
    found.sort_unstable_by_key(|(at, _)| *at);
    Ok(found.into_iter().flat_map(|(_, matches)| matches).take(limit).collect())
}

/// Neighbouring files that are searched by one thread.
fn batches(targets: &[Target]) -> Vec<&[Target]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, target) in targets.iter().enumerate() {
        if at > start && (at - start == BATCH_FILES || bytes + target.size > BATCH_BYTES) {
            batches.push(&targets[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += target.size;
    }
    if start < targets.len() {
        batches.push(&targets[start..]);
    }
    batches
}

fn one(
    store: &Store,
    searching: &mut Searching<'_>,
    batch: &[Target],
    limit: usize,
) -> Result<Vec<SearchMatch>, OpError> {
    let digests: Vec<_> = batch.iter().map(|target| target.blob).collect();
    let mut each: Vec<Option<Result<Vec<SearchMatch>, TreeError>>> = batch.iter().map(|_| None).collect();
    store
        .visit_short_blobs(&digests, &mut |at, content| {
            each[at] = Some(searching.content(&batch[at], content, limit));
        })
        .or_fail()?;
    let mut found = Vec::new();
    for (target, matches) in batch.iter().zip(each) {
        let left = limit - found.len();
        let matches = match matches {
            Some(matches) => matches,
            None if target.size <= WHOLE => {
                searching.content(target, &store.read_blob(&target.blob).or_fail()?, left)
            }
            None => searching.reader(target, store.open_blob(&target.blob).or_fail()?, left),
        };
        found.extend(matches.or_fail()?);
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}
