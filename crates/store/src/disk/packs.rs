//! Packs: append-only files which hold small contents one after the other. Where a content lies is in the index, so
//! bytes at the end that no row names (a torn write) are only wasted space.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kukri_model::Digest;

/// Contents up to this length go into packs, longer ones are files of their own.
pub(crate) const PACK_LIMIT: usize = 32 << 10;
/// A pack that has this length takes no more.
const PACK_FULL: u64 = 64 << 20;
/// Most packs kept open for reading.
const MAX_OPEN: usize = 64;
/// Most contents of which it is remembered that they were checked.
const MAX_CHECKED: usize = 1 << 18;

/// Where a content lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) pack: u32,
    pub(crate) offset: u64,
    pub(crate) size: u32,
}

#[derive(Debug)]
pub(crate) struct Packs {
    dir: PathBuf,
    current: Mutex<Current>,
    open: Mutex<HashMap<u32, Arc<File>>>,
    /// Contents that were checked where they lie, since the start; see [`Packs::check`].
    checked: Mutex<HashSet<u64>>,
    /// Packs with contents that have no row yet, and how many wait for that.
    held: Mutex<HashMap<u32, usize>>,
}

#[derive(Debug)]
struct Current {
    id: u32,
    len: u64,
    file: Option<Arc<File>>,
}

/// Room in a pack that nobody else writes to.
pub(crate) struct Room {
    pub(crate) pack: u32,
    pub(crate) offset: u64,
    file: Arc<File>,
}

impl Room {
    /// Writes all slices, in order, starting `at` bytes into the room.
    pub(crate) fn write(&self, mut at: u64, contents: &[&[u8]]) -> io::Result<()> {
        // As many slices as the kernel takes in one call.
        for group in contents.chunks(1024) {
            let mut slices: Vec<IoSlice<'_>> =
                group.iter().filter(|slice| !slice.is_empty()).map(|slice| IoSlice::new(slice)).collect();
            let mut rest = &mut slices[..];
            while !rest.is_empty() {
                let count = rustix::io::pwritev(&self.file, rest, self.offset + at)?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                at += count as u64;
                IoSlice::advance_slices(&mut rest, count);
            }
        }
        Ok(())
    }
}

impl Packs {
    /// Looks which packs there are; goes on with the last one.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        let last = ids(&dir)?.into_iter().max();
        let len = match last {
            Some(id) => fs::metadata(path(&dir, id))?.len(),
            None => 0,
        };
        let current = Current { id: last.unwrap_or(1), len, file: None };
        Ok(Self {
            dir,
            current: Mutex::new(current),
            open: Mutex::default(),
            held: Mutex::default(),
            checked: Mutex::default(),
        })
    }

    /// Sets `len` bytes aside.
    pub(crate) fn reserve(&self, len: u64) -> io::Result<Room> {
        let mut current = lock(&self.current);
        if current.len >= PACK_FULL {
            *current = Current { id: current.id + 1, len: 0, file: None };
        }
        let file = match &current.file {
            Some(file) => Arc::clone(file),
            None => {
                let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).clone();
                let file = Arc::new(options.open(path(&self.dir, current.id))?);
                current.file = Some(Arc::clone(&file));
                file
            }
        };
        let room = Room { pack: current.id, offset: current.len, file };
        current.len += len;
        Ok(room)
    }

    /// Begins a new pack, so that the present one can be emptied. Nobody may have room set aside.
    pub(crate) fn turn(&self) {
        let mut current = lock(&self.current);
        *current = Current { id: current.id + 1, len: 0, file: None };
    }

    /// The bytes at a place, exactly as many as it says.
    pub(crate) fn read(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut content = vec![0; place.size as usize];
        if place.size > 0 {
            self.file(place.pack)?.read_exact_at(&mut content, place.offset)?;
        }
        Ok(content)
    }

    /// Fills the buffer with what a pack has from there on.
    pub(crate) fn read_at(&self, pack: u32, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file(pack)?.read_exact_at(buffer, offset)
    }

    /// Whether what was read from a place is the content with this digest. Packs are only ever appended to, so one check
    /// of a place is enough until the next start: hashing takes longer than reading and searching together.
    pub(crate) fn check(&self, place: Place, digest: &Digest, content: &[u8]) -> bool {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&digest.as_bytes()[..8]);
        let key = u64::from_le_bytes(prefix) ^ u64::from(place.pack).rotate_left(40) ^ place.offset;
        if lock(&self.checked).contains(&key) {
            return true;
        }
        let good = Digest::of(content) == *digest;
        if good {
            let mut checked = lock(&self.checked);
            if checked.len() >= MAX_CHECKED {
                checked.clear();
            }
            checked.insert(key);
        }
        good
    }

    fn file(&self, id: u32) -> io::Result<Arc<File>> {
        let mut open = lock(&self.open);
        if let Some(file) = open.get(&id) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(path(&self.dir, id))?);
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        open.insert(id, Arc::clone(&file));
        Ok(file)
    }

    /// Id and length of every pack.
    pub(crate) fn list(&self) -> io::Result<Vec<(u32, u64)>> {
        ids(&self.dir)?.into_iter().map(|id| Ok((id, fs::metadata(path(&self.dir, id))?.len()))).collect()
    }

    /// The pack that is being written to.
    pub(crate) fn current(&self) -> u32 {
        lock(&self.current).id
    }

    pub(crate) fn path(&self, id: u32) -> PathBuf {
        path(&self.dir, id)
    }

    /// The pack must stay, although rows do not say so yet.
    pub(crate) fn hold(&self, id: u32) {
        *lock(&self.held).entry(id).or_default() += 1;
    }

    /// Ends one [`Packs::hold`].
    pub(crate) fn release(&self, id: u32) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                held.remove(&id);
            }
        }
    }

    /// Whether the pack has contents that must stay, whatever the rows say.
    pub(crate) fn is_held(&self, id: u32) -> bool {
        lock(&self.held).contains_key(&id)
    }

    /// Forgets an open pack that is going to be deleted.
    pub(crate) fn close(&self, id: u32) {
        lock(&self.open).remove(&id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path(dir: &Path, id: u32) -> PathBuf {
    dir.join(format!("{id}.pack"))
}

fn ids(dir: &Path) -> io::Result<Vec<u32>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if let Some(id) = name.to_str().and_then(|n| n.strip_suffix(".pack")).and_then(|n| n.parse().ok()) {
            ids.push(id);
        }
    }
    Ok(ids)
}
