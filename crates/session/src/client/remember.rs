//! What is kept of a walk for the next one.

use std::collections::BTreeMap;
use std::path::Path;

use kukri_tree::EntryKind;

use super::stat_cache::{Stamp, StatCache, StatCacheWriter};
use super::walk::{Walked, WalkedDir};

pub(super) fn load_cache(cache_dir: Option<&Path>, root: &Path) -> StatCache {
    cache_dir.map_or_else(StatCache::default, |dir| StatCache::load(dir, root))
}

/// Remembers what was hashed. A cache that cannot be written costs time, not correctness.
pub(super) fn save_cache(cache_dir: Option<&Path>, root: &Path, walked: &Walked) {
    let Some(cache_dir) = cache_dir else { return };
    if walked.hashed == 0 {
        return;
    }
    let mut writer = StatCacheWriter::new(root);
    if walked.complete {
        for dir in &walked.dirs {
            writer.dir(&dir.path, settled(dir, walked.started_ns));
        }
    } else {
        merge(&load_cache(Some(cache_dir), root), walked, &mut writer);
    }
    if let Err(error) = writer.save(cache_dir, root) {
        tracing::warn!(%error, cache_dir = %cache_dir.display(), "cannot remember which files are unchanged");
    }
}

fn settled(dir: &WalkedDir, started_ns: i64) -> impl Iterator<Item = (&[u8], Stamp, kukri_model::Digest)> {
    dir.files.iter().filter_map(move |found| match (&found.entry.kind, found.stamp) {
        // A file that grew while it was read has a size that its stamp does not know.
        (EntryKind::File { blob, size, .. }, Some(stamp))
            if stamp.size == *size && stamp.is_settled(started_ns) =>
        {
            Some((&*found.entry.name, stamp, *blob))
        }
        _ => None,
    })
}

/// A filtered walk has not seen everything: the rest of what was known stays.
fn merge(old: &StatCache, walked: &Walked, writer: &mut StatCacheWriter) {
    let mut dirs: BTreeMap<&[u8], Option<&WalkedDir>> = old.dir_paths().map(|path| (path, None)).collect();
    dirs.extend(walked.dirs.iter().map(|dir| (&*dir.path, Some(dir))));
    for (path, walked_dir) in dirs {
        let known = old.dir(path);
        let mut files: BTreeMap<&[u8], (Stamp, kukri_model::Digest)> =
            known.iter().map(|known| (&*known.name, (known.stamp, known.digest))).collect();
        if let Some(dir) = walked_dir {
            files
                .extend(settled(dir, walked.started_ns).map(|(name, stamp, digest)| (name, (stamp, digest))));
        }
        writer.dir(path, files.into_iter().map(|(name, (stamp, digest))| (name, stamp, digest)));
    }
}
