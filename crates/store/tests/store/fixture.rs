//! Stores in temporary directories, and trees as flat lists to compare.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use kukri_model::Digest;
use kukri_store::{Store, StoreConfig};
use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader, TreeId};

pub struct TestStore {
    pub store: Store,
    pub dir: tempfile::TempDir,
}

impl std::ops::Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

pub fn config(dir: &Path) -> StoreConfig {
    StoreConfig { grace: Duration::ZERO, max_layers: 6, ..StoreConfig::new(dir.join("store")) }
}

pub fn new_store() -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    TestStore { store: Store::open(config(dir.path())).unwrap(), dir }
}

impl TestStore {
    /// Closes the store and opens it again.
    pub fn reopen(self) -> Self {
        self.reopen_after(|_| {})
    }

    /// The same, after a change to its directory.
    pub fn reopen_after(self, change: impl FnOnce(&Path)) -> Self {
        let Self { store, dir } = self;
        let root = store.root().to_owned();
        drop(store);
        change(&root);
        Self { store: Store::open(config(dir.path())).unwrap(), dir }
    }
}

pub fn is_root(test: &str) -> bool {
    let root = rustix_is_root();
    if !root {
        eprintln!("{test} skipped: needs root");
    }
    root
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// One line for everything in a tree: what a container would see.
pub type Flat = BTreeMap<String, String>;

fn line(kind: &str, meta: &Meta, rest: &str) -> String {
    let xattrs: Vec<String> = meta
        .xattrs
        .iter()
        .map(|(k, v)| format!("{}={}", String::from_utf8_lossy(k), String::from_utf8_lossy(v)))
        .collect();
    format!("{kind} {:o} {}:{} {} {xattrs:?} {rest}", meta.mode, meta.uid, meta.gid, meta.mtime_ns)
}

/// The tree as it is stored.
pub fn flat(store: &Store, tree: &TreeId) -> Flat {
    let mut out = Flat::new();
    let mut groups = BTreeMap::new();
    flat_dir(store, &tree.stored, "", &mut out, &mut groups);
    out
}

fn flat_dir(store: &Store, digest: &Digest, path: &str, out: &mut Flat, groups: &mut BTreeMap<u64, String>) {
    let node = store.node(digest).unwrap();
    out.insert(format!("{path}/"), line("dir", &node.meta, ""));
    for entry in &node.entries {
        let path = format!("{path}/{}", String::from_utf8_lossy(&entry.name));
        let text = match &entry.kind {
            EntryKind::Dir(id) => {
                flat_dir(store, &id.stored, &path, out, groups);
                continue;
            }
            EntryKind::File { meta, blob, size, link_group } => {
                let content = store.read_blob(blob).unwrap();
                assert_eq!(content.len() as u64, *size);
                let first = match link_group {
                    0 => path.clone(),
                    group => groups.entry(*group).or_insert_with(|| path.clone()).clone(),
                };
                line("file", meta, &format!("{blob} first={first}"))
            }
            EntryKind::Symlink { meta, target } => line("link", meta, &String::from_utf8_lossy(target)),
            EntryKind::CharDevice { meta, major, minor } => line("char", meta, &format!("{major}:{minor}")),
            EntryKind::BlockDevice { meta, major, minor } => line("block", meta, &format!("{major}:{minor}")),
            EntryKind::Fifo { meta } => line("fifo", meta, ""),
        };
        out.insert(path, text);
    }
}

/// A directory as the kernel shows it.
pub fn scan(root: &Path) -> Flat {
    let mut out = Flat::new();
    let mut inodes = BTreeMap::new();
    scan_dir(root, "", &mut out, &mut inodes);
    out
}

fn scan_dir(dir: &Path, path: &str, out: &mut Flat, inodes: &mut BTreeMap<u64, String>) {
    out.insert(format!("{path}/"), line("dir", &meta_of(dir), ""));
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let (full, path) = (dir.join(&name), format!("{path}/{}", name.to_string_lossy()));
        let (meta, stat) = (meta_of(&full), fs::symlink_metadata(&full).unwrap());
        let kind = stat.file_type();
        let device = format!("{}:{}", rustix::fs::major(stat.rdev()), rustix::fs::minor(stat.rdev()));
        let text = if kind.is_dir() {
            scan_dir(&full, &path, out, inodes);
            continue;
        } else if kind.is_file() {
            let blob = Digest::of(&fs::read(&full).unwrap());
            let first = inodes.entry(stat.ino()).or_insert_with(|| path.clone()).clone();
            line("file", &meta, &format!("{blob} first={first}"))
        } else if kind.is_symlink() {
            line("link", &meta, &fs::read_link(&full).unwrap().to_string_lossy())
        } else if kind.is_char_device() {
            line("char", &meta, &device)
        } else if kind.is_block_device() {
            line("block", &meta, &device)
        } else {
            line("fifo", &meta, "")
        };
        out.insert(path, text);
    }
}

fn meta_of(path: &Path) -> Meta {
    let stat = fs::symlink_metadata(path).unwrap();
    let mut names = [0_u8; 4096];
    let len = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let mut xattrs = Vec::new();
    for name in names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = [0_u8; 4096];
        let len = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        xattrs.push((name.into(), value[..len].into()));
    }
    xattrs.sort();
    Meta {
        mode: stat.mode() & 0o7777,
        uid: stat.uid(),
        gid: stat.gid(),
        mtime_ns: stat.mtime() * 1_000_000_000 + stat.mtime_nsec(),
        xattrs,
    }
}

/// Builds a tree from paths and contents; a path that ends in `/` is an empty directory.
pub fn tree(store: &Store, files: &[(&str, &[u8])]) -> TreeId {
    #[derive(Default)]
    struct Dir {
        dirs: BTreeMap<String, Dir>,
        files: BTreeMap<String, Vec<u8>>,
    }
    fn put(store: &Store, dir: &Dir, nodes: &mut Vec<(Digest, Vec<u8>)>) -> TreeId {
        let mut node = Node::empty();
        for (name, child) in &dir.dirs {
            let id = put(store, child, nodes);
            node.set(Entry { name: name.as_bytes().into(), kind: EntryKind::Dir(id) });
        }
        for (name, content) in &dir.files {
            let blob = store.put_blob(content).unwrap();
            let (meta, size) = (Meta { mtime_ns: 5_000_000_007, ..Meta::new(0o644) }, content.len() as u64);
            node.set(Entry {
                name: name.as_bytes().into(),
                kind: EntryKind::File { meta, blob, size, link_group: 0 },
            });
        }
        let (id, bytes) = node.seal();
        nodes.push((id.stored, bytes));
        id
    }
    let mut root = Dir::default();
    for (path, content) in files {
        let mut dir = &mut root;
        let mut parts: Vec<&str> = path.split('/').collect();
        let name = parts.pop().unwrap();
        for part in parts {
            dir = dir.dirs.entry(part.to_owned()).or_default();
        }
        if !name.is_empty() {
            dir.files.insert(name.to_owned(), content.to_vec());
        }
    }
    let mut nodes = Vec::new();
    let id = put(store, &root, &mut nodes);
    store.put_nodes(nodes).unwrap();
    id
}
