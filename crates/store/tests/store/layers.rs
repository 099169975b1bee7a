//! Image layers in.

use std::fs;

use kukri_store::{LayerWriter, Spare, StoreError};
use kukri_tree::{Meta, TreeId};

use crate::fixture::{TestStore, flat, is_root, new_store};

fn meta(mode: u32) -> Meta {
    Meta { mtime_ns: 1_000_000_000, ..Meta::new(mode) }
}

fn file(writer: &mut LayerWriter, path: &str, content: &[u8]) {
    writer.add_file(path.as_bytes(), &meta(0o644), content.len() as u64, &mut &*content).unwrap();
}

fn layer(store: &TestStore, base: Option<&TreeId>, fill: impl FnOnce(&mut LayerWriter)) -> TreeId {
    let mut writer = store.layer_writer().unwrap();
    fill(&mut writer);
    writer.finish(base).unwrap()
}

fn paths(store: &TestStore, tree: &TreeId) -> Vec<String> {
    flat(store, tree).into_keys().collect()
}

fn first(store: &TestStore) -> TreeId {
    layer(store, None, |writer| {
        writer.add_dir(b"./", &meta(0o755)).unwrap();
        writer.add_dir(b"etc/", &meta(0o700)).unwrap();
        file(writer, "etc/passwd", b"root");
        file(writer, "etc/group", b"root");
        file(writer, "usr/bin/tool", &[b'T'; 90_000]);
        writer.add_hardlink(b"usr/bin/same", b"/usr/bin/tool").unwrap();
        writer.add_symlink(b"bin", &meta(0o777), b"usr/bin").unwrap();
        writer.add_device(b"dev/null", &meta(0o666), false, 1, 3).unwrap();
        writer.add_fifo(b"run/pipe", &meta(0o600)).unwrap();
        let mut capable = meta(0o4755);
        capable.uid = 5;
        capable.xattrs = vec![(b"user.a"[..].into(), b"b"[..].into())];
        writer.add_file(b"usr/bin/su", &capable, 2, &mut &b"su"[..]).unwrap();
    })
}

#[test]
fn privileged_layers_stack_up() {
    if !is_root("privileged_layers_stack_up") {
        return;
    }
    let store = new_store();
    let one = first(&store);
    let two = layer(&store, Some(&one), |writer| {
        // The parents are not named: they keep what the base says.
        file(writer, "etc/passwd", b"root and me");
        writer.whiteout(b"etc/group").unwrap();
        writer.whiteout(b"nothing/here").unwrap();
        writer.opaque(b"usr/bin").unwrap();
        file(writer, "usr/bin/only", b"o");
        writer.add_dir(b"run/pipe", &meta(0o711)).unwrap();
    });
    let list = paths(&store, &two);
    assert!(
        list.contains(&"/usr/bin/only".to_owned()) && !list.contains(&"/usr/bin/tool".to_owned()),
        "{list:?}"
    );
    assert!(!list.contains(&"/etc/group".to_owned()));
    assert!(flat(&store, &two)["/etc/"].starts_with("dir 700"), "{:?}", flat(&store, &two));
    for tree in [one, two] {
        let lowers = store.materialise(&tree).unwrap();
        assert_eq!(shown(&store, &lowers.lowers), flat(&store, &tree));
    }
    assert_eq!(store.materialise(&two).unwrap().lowers.len(), 2);
    assert_eq!(layer(&store, Some(&two), |_| {}), two, "an empty layer changes nothing");
    assert_eq!(store.verify(Default::default()).unwrap().problems, []);
}

fn shown(store: &TestStore, lowers: &[std::path::PathBuf]) -> crate::fixture::Flat {
    crate::overlay::show(store, lowers)
}

#[test]
fn privileged_later_entries_win() {
    if !is_root("privileged_later_entries_win") {
        return;
    }
    let store = new_store();
    let tree = layer(&store, None, |writer| {
        file(writer, "a", b"1");
        file(writer, "a", b"2");
        file(writer, "b/inside", b"gone");
        file(writer, "b", b"now a file");
        file(writer, "c", b"gone");
        file(writer, "c2", b"c2");
        writer.add_dir(b"c", &meta(0o750)).unwrap();
        file(writer, "c/inside", b"i");
        writer.add_dir(b"c", &meta(0o711)).unwrap();
        file(writer, "l1", b"linked");
        writer.add_hardlink(b"l2", b"l1").unwrap();
        file(writer, "l1", b"no more");
        // A whiteout is for lower layers only.
        writer.whiteout(b"c2").unwrap();
    });
    let flat = flat(&store, &tree);
    assert_eq!(paths(&store, &tree), ["/", "/a", "/b", "/c/", "/c/inside", "/c2", "/l1", "/l2"]);
    assert!(flat["/c/"].starts_with("dir 711"));
    let lowers = store.materialise(&tree).unwrap();
    assert_eq!(shown(&store, &lowers.lowers), flat);
}

#[test]
fn privileged_nothing_leads_out_of_a_layer() {
    if !is_root("privileged_nothing_leads_out_of_a_layer") {
        return;
    }
    let store = new_store();
    let outside = store.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let target = outside.to_str().unwrap().as_bytes();
    let mut writer = store.layer_writer().unwrap();
    for bad in [&b"../evil"[..], b"/../evil", b"a/../../evil", b"a\0b", b""] {
        let error = writer.add_file(bad, &meta(0o644), 1, &mut &b"x"[..]).unwrap_err();
        assert!(matches!(error, StoreError::LayerEntry { .. }), "{error}");
    }
    // Through links, absolute and relative: resolved inside of the layer.
    writer.add_symlink(b"abs", &meta(0o777), target).unwrap();
    file(&mut writer, "abs/evil1", b"x");
    writer.add_symlink(b"rel", &meta(0o777), b"../../../../../../../../tmp").unwrap();
    file(&mut writer, "rel/evil2", b"x");
    writer.add_symlink(b"loop1", &meta(0o777), b"loop2").unwrap();
    writer.add_symlink(b"loop2", &meta(0o777), b"loop1").unwrap();
    assert!(writer.add_file(b"loop1/x", &meta(0o644), 1, &mut &b"x"[..]).is_err());
    // The last part is never followed.
    writer.add_symlink(b"last", &meta(0o777), b"/etc/passwd").unwrap();
    file(&mut writer, "last", b"mine");
    assert!(writer.add_hardlink(b"h", b"../../etc/passwd").is_err());
    writer.add_symlink(b"hard", &meta(0o777), b"/etc/passwd").unwrap();
    writer.add_hardlink(b"hard2", b"hard").unwrap();
    assert!(writer.add_file(b"short", &meta(0o644), 10, &mut &b"x"[..]).is_err());
    let tree = writer.finish(None).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!std::path::Path::new("/tmp/evil2").exists());
    let list = paths(&store, &tree);
    assert!(list.contains(&format!("{}/evil1", outside.display())), "{list:?}");
    assert!(list.contains(&"/tmp/evil2".to_owned()) && list.contains(&"/last".to_owned()));
    assert!(flat(&store, &tree)["/last"].starts_with("file"));
}

#[test]
fn privileged_hard_links_reach_into_the_base() {
    if !is_root("privileged_hard_links_reach_into_the_base") {
        return;
    }
    let store = new_store();
    let one = first(&store);
    let two = layer(&store, Some(&one), |writer| {
        writer.add_hardlink(b"opt/tool", b"usr/bin/su").unwrap();
    });
    let flat = flat(&store, &two);
    assert!(flat["/usr/bin/su"].ends_with("first=/opt/tool"), "{}", flat["/usr/bin/su"]);
    assert_eq!(shown(&store, &store.materialise(&two).unwrap().lowers), flat);
    let mut writer = store.layer_writer().unwrap();
    writer.add_hardlink(b"x", b"not/there").unwrap();
    assert!(matches!(writer.finish(Some(&two)), Err(StoreError::LayerEntry { .. })));
}

#[test]
fn a_layer_that_is_dropped_leaves_nothing() {
    let store = new_store();
    let mut writer = store.layer_writer().unwrap();
    writer
        .add_file(
            b"a/b",
            &Meta { uid: nix_uid(&store), gid: nix_gid(&store), ..meta(0o600) },
            1,
            &mut &b"x"[..],
        )
        .unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    assert_eq!(store.du(Spare::Nothing).unwrap().layers.count, 0);
}

fn nix_uid(store: &TestStore) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata(store.root()).unwrap())
}

fn nix_gid(store: &TestStore) -> u32 {
    std::os::unix::fs::MetadataExt::gid(&fs::metadata(store.root()).unwrap())
}
