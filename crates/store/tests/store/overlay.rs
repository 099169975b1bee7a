//! What the kernel shows through an overlay is what the tree says, in both directions.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use kukri_model::Digest;
use kukri_store::{Materialisation, Spare, Store};
use kukri_tree::{NodeReader, TreeId};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::fixture::{Flat, TestStore, flat, is_root, new_store, scan, tree};

/// A mounted overlay.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    fn new(store: &TestStore, lowers: &[PathBuf], upper: Option<(&Path, &Path)>) -> Self {
        let at = store.dir.path().join("mnt");
        fs::create_dir_all(&at).unwrap();
        let lowers: Vec<&str> = lowers.iter().map(|path| path.to_str().unwrap()).collect();
        let mut options = format!("lowerdir={},redirect_dir=off,metacopy=off,index=off", lowers.join(":"));
        match upper {
            Some((upper, work)) => {
                options += &format!(",upperdir={},workdir={}", upper.display(), work.display());
            }
            None if lowers.len() == 1 => {
                // Overlay wants an upper or two lowers.
                let empty = store.dir.path().join("empty");
                fs::create_dir_all(&empty).unwrap();
                options = options.replacen(',', &format!(":{},", empty.display()), 1);
            }
            None => {}
        }
        let options = CString::new(options).unwrap();
        rustix::mount::mount("overlay", &at, "overlay", MountFlags::empty(), &*options).unwrap();
        Self { at }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.at, UnmountFlags::DETACH).unwrap();
    }
}

/// Mounts the tree, lets `work` change it, and commits.
fn run(store: &TestStore, base: &TreeId, work: impl FnOnce(&Path)) -> TreeId {
    let lowers = store.materialise(base).unwrap();
    assert!(lowers.lowers.len() <= store.config().max_layers, "{} layers", lowers.lowers.len());
    let space = store.workspace(Some(base)).unwrap();
    {
        let mounted = Mounted::new(store, &lowers.lowers, Some((space.upper(), space.work())));
        work(&mounted.at);
    }
    store.commit_upper(base, space).unwrap()
}

/// What an overlay of these directories shows.
pub fn show(store: &TestStore, lowers: &[PathBuf]) -> Flat {
    scan(&Mounted::new(store, lowers, None).at)
}

fn shown(store: &TestStore, lowers: &Materialisation) -> Flat {
    show(store, &lowers.lowers)
}

/// The mounted tree equals the stored tree.
fn check(store: &TestStore, tree: &TreeId) {
    assert_eq!(shown(store, &store.materialise(tree).unwrap()), flat(store, tree));
}

const LARGE: &[u8] = &[b'L'; 100_000];
const FILES: &[(&str, &[u8])] = &[
    ("bin/sh", LARGE),
    ("bin/ls", b"small"),
    ("bin/empty", b""),
    ("etc/passwd", b"root"),
    ("etc/conf.d/a", b"a"),
    ("etc/conf.d/b", b"b"),
    ("usr/lib/x/y/z", b"deep"),
    ("twin/one", LARGE),
    ("twin/two", LARGE),
    ("tmp/", b""),
];

fn base(store: &Store) -> TreeId {
    tree(store, FILES)
}

/// Everything an overlay can hold.
fn everything(root: &Path) {
    fs::write(root.join("etc/passwd"), "changed").unwrap();
    fs::remove_file(root.join("bin/ls")).unwrap();
    fs::remove_dir_all(root.join("etc/conf.d")).unwrap();
    // Directory in place of a directory: opaque.
    fs::remove_dir_all(root.join("usr/lib/x")).unwrap();
    fs::create_dir(root.join("usr/lib/x")).unwrap();
    fs::write(root.join("usr/lib/x/new"), vec![b'N'; 70_000]).unwrap();
    // File in place of a directory, directory in place of a file.
    fs::remove_dir_all(root.join("twin")).unwrap();
    fs::write(root.join("twin"), "").unwrap();
    fs::remove_file(root.join("bin/empty")).unwrap();
    fs::create_dir(root.join("bin/empty")).unwrap();
    fs::write(root.join("bin/empty/inside"), "i").unwrap();
    symlink("../etc/passwd", root.join("tmp/link")).unwrap();
    fs::write(root.join("tmp/first"), "linked").unwrap();
    fs::hard_link(root.join("tmp/first"), root.join("tmp/second")).unwrap();
    fs::write(root.join("tmp/large1"), vec![1; 50_000]).unwrap();
    fs::hard_link(root.join("tmp/large1"), root.join("usr/large2")).unwrap();
    fs::set_permissions(root.join("bin/sh"), fs::Permissions::from_mode(0o4751)).unwrap();
    std::os::unix::fs::chown(root.join("etc"), Some(12), Some(34)).unwrap();
    rustix::fs::lsetxattr(root.join("etc/passwd"), "user.note", b"x", XattrFlags::empty()).unwrap();
    rustix::fs::mknodat(
        CWD,
        root.join("tmp/null"),
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o666),
        259,
    )
    .unwrap();
    rustix::fs::mknodat(CWD, root.join("tmp/pipe"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    drop(UnixListener::bind(root.join("tmp/socket")).unwrap());
}

#[test]
fn privileged_a_tree_is_shown_as_it_is() {
    if !is_root("privileged_a_tree_is_shown_as_it_is") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    check(&store, &base);
    check(&store, &store.put_empty_tree().unwrap());
    let store = store.reopen();
    check(&store, &base);
}

#[test]
fn privileged_an_exec_becomes_a_tree() {
    if !is_root("privileged_an_exec_becomes_a_tree") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    let mut live = None;
    let changed = run(&store, &base, |root| {
        everything(root);
        live = Some(scan(root));
    });
    let mut live = live.unwrap();
    // Sockets are not kept.
    live.remove("/tmp/socket");
    assert_eq!(flat(&store, &changed), live, "the tree is what the container saw");
    check(&store, &changed);
    check(&store, &base);
    // Not from the upper, but built anew from what is in the store.
    let lowers = store.materialise(&changed).unwrap().lowers;
    assert_eq!(lowers.len(), 2);
    let copy = new_store();
    transfer(&store, &copy, &changed);
    check(&copy, &changed);
    assert_eq!(flat(&copy, &changed), live);
}

/// In a store that knows nothing of how one came of the other, in both directions.
#[test]
fn privileged_a_difference_found_by_content_shows_the_tree() {
    if !is_root("privileged_a_difference_found_by_content_shows_the_tree") {
        return;
    }
    let store = new_store();
    // Large enough that it is worth looking for another tree.
    let names: Vec<String> = (0..600).map(|number| format!("many/{number}")).collect();
    let many = names.iter().map(|name| (name.as_str(), &b"m"[..]));
    let base = tree(&store, &FILES.iter().copied().chain(many).collect::<Vec<_>>());
    let mut live = None;
    let changed = run(&store, &base, |root| {
        everything(root);
        // Trees with new hard links are built whole: the other names of a file may lie in layers below.
        fs::remove_file(root.join("tmp/second")).unwrap();
        fs::remove_file(root.join("usr/large2")).unwrap();
        live = Some(scan(root));
    });
    let mut live = live.unwrap();
    live.remove("/tmp/socket");
    for (first, second) in [(&base, &changed), (&changed, &base)] {
        let other = new_store();
        transfer(&store, &other, first);
        transfer(&store, &other, second);
        assert_eq!(other.materialise(first).unwrap().lowers.len(), 1);
        let on = other.materialise(second).unwrap();
        assert_eq!(on.lowers.len(), 2);
        let expected = if second == &changed { live.clone() } else { flat(&store, second) };
        assert_eq!(shown(&other, &on), expected);
    }
}

/// Copies a tree from one store to another through the public interface.
fn transfer(from: &Store, to: &Store, tree: &TreeId) {
    let mut todo = vec![tree.stored];
    while let Some(digest) = todo.pop() {
        let node = from.node(&digest).unwrap();
        to.put_nodes(vec![(digest, node.encode())]).unwrap();
        for entry in &node.entries {
            match &entry.kind {
                kukri_tree::EntryKind::Dir(id) => todo.push(id.stored),
                kukri_tree::EntryKind::File { blob, .. } => {
                    to.put_blobs(vec![(*blob, from.read_blob(blob).unwrap())]).unwrap();
                }
                _ => {}
            }
        }
    }
}

#[test]
fn privileged_nothing_done_is_nothing_changed() {
    if !is_root("privileged_nothing_done_is_nothing_changed") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    assert_eq!(run(&store, &base, |_| {}), base);
    let same = run(&store, &base, |root| {
        fs::write(root.join("tmp/made"), "and removed").unwrap();
        fs::remove_file(root.join("tmp/made")).unwrap();
        fs::create_dir(root.join("usr/lib/x/y/made")).unwrap();
        fs::remove_dir(root.join("usr/lib/x/y/made")).unwrap();
        let sh = root.join("bin/sh");
        fs::set_permissions(&sh, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(&sh, fs::Permissions::from_mode(0o644)).unwrap();
    });
    assert_eq!(same, base);
    // A touched file is another stored tree with the same content.
    let touched = run(&store, &base, |root| {
        fs::File::options()
            .write(true)
            .open(root.join("bin/ls"))
            .unwrap()
            .set_modified(std::time::SystemTime::now())
            .unwrap();
    });
    assert_ne!(touched.stored, base.stored);
    assert_eq!(touched.content, base.content);
    check(&store, &touched);
}

#[test]
fn privileged_the_root_itself_can_change() {
    if !is_root("privileged_the_root_itself_can_change") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    let changed = run(&store, &base, |root| {
        fs::set_permissions(root, fs::Permissions::from_mode(0o1777)).unwrap();
    });
    assert_ne!(changed, base);
    check(&store, &changed);
    assert_eq!(run(&store, &changed, |_| {}), changed);
}

#[test]
fn privileged_long_chains_stay_short() {
    if !is_root("privileged_long_chains_stay_short") {
        return;
    }
    let store = new_store();
    let mut tree = base(&store);
    for step in 0..40 {
        tree = run(&store, &tree, |root| {
            fs::write(root.join(format!("tmp/step{step}")), format!("{step}")).unwrap();
            fs::write(root.join("etc/passwd"), format!("{step}")).unwrap();
            if step > 3 {
                fs::remove_file(root.join(format!("tmp/step{}", step - 3))).unwrap();
            }
        });
        check(&store, &tree);
    }
    let full = new_store();
    transfer(&store, &full, &tree);
    check(&full, &tree);
    // The first layer (with two files that are equal by chance) was not built again and again.
    let layers = store.du(Spare::Nothing).unwrap().layers;
    assert!(layers.bytes < 202_000, "{layers:?}");
}

#[test]
fn privileged_equal_files_are_not_one_inode() {
    if !is_root("privileged_equal_files_are_not_one_inode") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    let shown = shown(&store, &store.materialise(&base).unwrap());
    assert!(shown["/twin/two"].ends_with("first=/twin/two"), "{}", shown["/twin/two"]);
}

/// `user.overlay.*` means nothing to an overlay with marks in `trusted.overlay.*`; storage of containers made in a step has it.
#[test]
fn privileged_the_other_kind_of_marks_is_data() {
    if !is_root("privileged_the_other_kind_of_marks_is_data") {
        return;
    }
    let store = new_store();
    let before = base(&store);
    let set = |path: PathBuf, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(&path, name, value, XattrFlags::empty()).unwrap();
    };
    let marked = run(&store, &before, |root| {
        set(root.join("etc"), "user.overlay.opaque", b"y");
        set(root.join("usr/lib"), "user.overlay.redirect", b"/etc");
        set(root.join("bin/empty"), "user.overlay.whiteout", b"y");
    });
    check(&store, &marked);
    let (old, new) = (flat(&store, &before), flat(&store, &marked));
    assert!(old.keys().eq(new.keys()), "{:?}", new.keys());
    assert_ne!(old, new, "they are part of the tree");
    let touched = run(&store, &marked, |root| fs::write(root.join("etc/new"), "").unwrap());
    check(&store, &touched);
    assert_eq!(flat(&store, &touched).len(), old.len() + 1);
}

#[test]
fn privileged_redirects_are_refused() {
    if !is_root("privileged_redirects_are_refused") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    let space = store.workspace(Some(&base)).unwrap();
    let dir = space.upper().join("moved");
    fs::create_dir(&dir).unwrap();
    rustix::fs::lsetxattr(&dir, "trusted.overlay.redirect", b"/etc", XattrFlags::empty()).unwrap();
    let error = store.commit_upper(&base, space).unwrap_err();
    assert!(error.to_string().contains("redirect_dir=off"), "{error}");
}

#[test]
fn privileged_a_missing_object_is_named() {
    if !is_root("privileged_a_missing_object_is_named") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    for object in crate::blobs::walk(&store.root().join("objects")) {
        fs::remove_file(object).unwrap();
    }
    let error = store.materialise(&base).unwrap_err();
    let large = Digest::of(&vec![b'L'; 100_000]);
    assert!(error.is_missing() && error.to_string().contains(&large.hex()), "{error}");
    assert_eq!(store.has_blobs(&[large]).unwrap(), [false]);
    store.put_blob(&vec![b'L'; 100_000]).unwrap();
    check(&store, &base);
}

#[test]
fn privileged_many_threads_materialise_one_tree_once() {
    if !is_root("privileged_many_threads_materialise_one_tree_once") {
        return;
    }
    let store = new_store();
    let base = base(&store);
    let all: Vec<Materialisation> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| store.materialise(&base).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(all.iter().all(|one| one.lowers == all[0].lowers));
    assert_eq!(store.du(Spare::Nothing).unwrap().layers.count, 1);
}
