//! Trees and files that an engine writes on a client's machine.

mod common;

use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::pair::{Setup, setup};
use kukri_model::Digest;
use kukri_session::engine::{ExportFileRequest, ExportRequest, StoreFailure, TreeSource};
use kukri_session::{ErrorCode, SessionError};
use kukri_tree::{Entry, EntryKind, Meta, Node, TreeId};

impl Setup {
    async fn try_export(&self, tree: TreeId, request: ExportRequest) -> Result<String, SessionError> {
        let export = self.session.export_tree(request, tree, Arc::clone(&self.store) as Arc<_>);
        tokio::time::timeout(Duration::from_secs(60), export).await.expect("the export hangs")
    }

    async fn export(&self, tree: TreeId, path: &str, wipe: bool) -> String {
        self.try_export(tree, ExportRequest { path: path.into(), wipe, remove: vec![] }).await.unwrap()
    }

    fn contents_read(&self) -> usize {
        self.store.blobs_read.swap(0, Ordering::SeqCst)
    }
}

/// A directory with a bit of everything, as a tree.
async fn sample(setup: &Setup) -> TreeId {
    setup.write("src/a", "content of a");
    setup.write("src/bin/run", "#!/bin/sh");
    setup.write("src/bin/large", vec![7; 3 << 20]);
    setup.write("src/deep/er/x", "x");
    setup.write("src/empty", "");
    symlink("../a", setup.path("src/bin/link")).unwrap();
    fs::create_dir(setup.path("src/nothing")).unwrap();
    fs::set_permissions(setup.path("src/bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(setup.path("src/nothing"), fs::Permissions::from_mode(0o1700)).unwrap();
    fs::set_permissions(setup.path("src/deep/er"), fs::Permissions::from_mode(0o555)).unwrap();
    setup.sync("src").await
}

#[tokio::test]
async fn what_is_exported_is_what_was_taken() {
    let setup = setup().await;
    let tree = sample(&setup).await;
    let path = setup.export(tree, "out/of/nowhere", false).await;
    assert_eq!(path, setup.path("out/of/nowhere").to_str().unwrap());
    let back = setup.sync("out/of/nowhere").await;
    // Also the times; only the root's own time and mode are the destination's.
    let node =
        |id: TreeId| Node::decode(&id.stored, &TreeSource::node(&*setup.store, &id.stored).unwrap()).unwrap();
    assert_eq!(node(back).entries, node(tree).entries);
    assert_eq!(
        fs::metadata(setup.path("out/of/nowhere/a")).unwrap().uid(),
        rustix::process::geteuid().as_raw()
    );
    assert!(
        fs::read_dir(setup.path("out/of/nowhere"))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains(".tmp") })
    );
}

/// All of it, before the first byte, though it is asked for in several messages.
#[tokio::test]
async fn how_much_is_wanted_is_told() {
    let setup = setup().await;
    for n in 0..5_000 {
        setup.write(&format!("src/f{n}"), format!("{n:04}"));
    }
    let tree = setup.sync("src").await;
    setup.store.told.lock().unwrap().clear();
    setup.export(tree, "out", false).await;
    assert_eq!(*setup.store.told.lock().unwrap(), [("files", 5_000), ("bytes", 20_000)].repeat(2));
    setup.store.told.lock().unwrap().clear();
    setup.write("out/f7", "spoiled");
    setup.export(tree, "out", false).await;
    assert_eq!(*setup.store.told.lock().unwrap(), [("files", 1), ("bytes", 4)]);
}

#[tokio::test]
async fn only_what_differs_is_written() {
    let setup = setup().await;
    let tree = sample(&setup).await;
    setup.export(tree, "out", false).await;
    assert_eq!(setup.contents_read(), 5);
    let inode = |path: &str| fs::metadata(setup.path(path)).unwrap().ino();
    let (a, x) = (inode("out/a"), inode("out/deep/er/x"));
    setup.export(tree, "out", false).await;
    assert_eq!(setup.contents_read(), 0);

    fs::write(setup.path("out/a"), "spoiled here").unwrap();
    fs::remove_file(setup.path("out/bin/run")).unwrap();
    fs::set_permissions(setup.path("out/deep/er/x"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(setup.path("out/bin/link")).unwrap();
    symlink("elsewhere", setup.path("out/bin/link")).unwrap();
    setup.export(tree, "out", false).await;
    assert_eq!(setup.contents_read(), 2);
    assert_ne!(inode("out/a"), a, "a file is replaced, not written over");
    assert_eq!(inode("out/deep/er/x"), x, "a mode alone needs no new file");
    assert_eq!(setup.sync("out").await.content, tree.content);
}

#[tokio::test]
async fn merging_keeps_and_wiping_deletes() {
    let setup = setup().await;
    let tree = sample(&setup).await;
    setup.write("out/own/file", "mine");
    setup.write("out/bin/own", "mine");
    setup.export(tree, "out", false).await;
    assert_eq!(fs::read(setup.path("out/own/file")).unwrap(), b"mine");
    assert_eq!(fs::read(setup.path("out/bin/own")).unwrap(), b"mine");
    // A link to elsewhere is deleted, what it leads to is not.
    setup.write("precious/file", "precious");
    symlink("../precious", setup.path("out/link")).unwrap();
    setup.export(tree, "out", true).await;
    assert!(
        !setup.path("out/own").exists()
            && !setup.path("out/bin/own").exists()
            && !setup.path("out/link").exists()
    );
    assert!(setup.path("precious/file").exists());
    assert_eq!(setup.sync("out").await.content, tree.content);
}

#[tokio::test]
async fn listed_paths_are_deleted_and_nothing_outside() {
    let setup = setup().await;
    setup.write("out/a", "1");
    setup.write("out/dir/b", "2");
    setup.write("out/dir/keep", "3");
    setup.write("outside/file", "4");
    symlink("../outside", setup.path("out/way")).unwrap();
    let empty = setup.store.put(Node::empty());
    let remove = |paths: &[&str]| ExportRequest {
        path: "out".into(),
        wipe: false,
        remove: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    setup.try_export(empty, remove(&["a", "dir/b", "missing/x", "way/file"])).await.unwrap();
    assert!(!setup.path("out/a").exists() && !setup.path("out/dir/b").exists());
    assert!(setup.path("out/dir/keep").exists() && setup.path("outside/file").exists());
    for path in ["../outside/file", "dir/../../outside", ".", "", "/"] {
        let error = setup.try_export(empty, remove(&[path])).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Invalid), "{path}");
    }
    assert!(setup.path("outside/file").exists());
}

#[tokio::test]
async fn kinds_that_are_in_the_way_give_way_without_loss() {
    let setup = setup().await;
    let tree = sample(&setup).await;
    setup.write("elsewhere/file", "precious");
    // A link where a directory comes, a file where a directory comes, an empty directory where a file comes.
    fs::create_dir_all(setup.path("out/a")).unwrap();
    symlink("../elsewhere", setup.path("out/bin")).unwrap();
    setup.write("out/deep", "file");
    setup.export(tree, "out", false).await;
    assert_eq!(setup.sync("out").await.content, tree.content);
    assert_eq!(fs::read_dir(setup.path("elsewhere")).unwrap().count(), 1, "written through a link");

    // A directory with something in it does not give way to a file, unless everything does.
    setup.write("other/a/mine", "precious");
    let error = setup
        .try_export(tree, ExportRequest { path: "other".into(), ..Default::default() })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("other/a is a directory, not a file"), "{error}");
    assert!(setup.path("other/a/mine").exists());
    setup.export(tree, "other", true).await;
    assert_eq!(setup.sync("other").await.content, tree.content);

    setup.write("file", "x");
    let error = setup
        .try_export(tree, ExportRequest { path: "file".into(), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotADirectory), "{error}");
}

fn file_entry(name: &[u8], blob: Digest, size: u64) -> Entry {
    let meta = Meta { mtime_ns: 1_000_000_007, ..Meta::new(0o640) };
    Entry { name: name.into(), kind: EntryKind::File { meta, blob, size, link_group: 0 } }
}

#[tokio::test]
async fn hostile_names_do_not_get_through() {
    let setup = setup().await;
    let blob = setup.store.put_blob(b"evil");
    for name in [&b".."[..], b".", b"a/b", b"../escape", b"", b"nul\0"] {
        let mut node = Node::empty();
        node.entries.push(file_entry(name, blob, 4));
        let tree = setup.store.put(node);
        let result = setup.try_export(tree, ExportRequest { path: "out".into(), ..Default::default() }).await;
        assert!(result.is_err(), "{name:?}");
    }
    assert!(!setup.path("escape").exists());
    let mut node = Node::empty();
    node.set(file_entry(b"odd\xff\n name", blob, 4));
    let tree = setup.store.put(node);
    setup.export(tree, "odd", false).await;
    assert_eq!(fs::read_dir(setup.path("odd")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_store_leaves_old_files_whole() {
    let setup = setup().await;
    setup.write("out/f", "old");
    let lie = Digest::of(b"never kept");
    setup.store.blobs.lock().unwrap().insert(lie, "something else".into());
    for (blob, size, text) in
        [(lie, 14, "damaged"), (lie, 99, "has not the length"), (Digest::of(b"-"), 1, "no blob")]
    {
        let mut node = Node::empty();
        node.set(file_entry(b"f", blob, size));
        let tree = setup.store.put(node);
        let error = setup
            .try_export(tree, ExportRequest { path: "out".into(), ..Default::default() })
            .await
            .unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(fs::read(setup.path("out/f")).unwrap(), b"old");
        // The rest of a broken export is cleared away by a thread of its own.
        for _ in 0..200 {
            if fs::read_dir(setup.path("out")).unwrap().count() == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(fs::read_dir(setup.path("out")).unwrap().count(), 1, "a temporary file was left");
    }
}

#[tokio::test]
async fn large_trees_go_through() {
    let setup = setup().await;
    let mut node = Node::empty();
    for n in 0..20_000 {
        let content = format!("{:03}", n % 500);
        let blob = setup.store.put_blob(content.as_bytes());
        node.entries.push(file_entry(format!("a-rather-long-name-{n:05}").as_bytes(), blob, 3));
    }
    let big = setup.store.put_blob(&vec![9; 20 << 20]);
    node.entries.push(file_entry(b"big", big, 20 << 20));
    let tree = setup.store.put(node);
    setup.export(tree, "out", false).await;
    assert_eq!(setup.sync("out").await.content, tree.content);
}

fn one_file(path: &str, allow_parent_dir: bool) -> ExportFileRequest {
    ExportFileRequest {
        path: path.into(),
        allow_parent_dir,
        name: "artifact".into(),
        mode: 0o750,
        mtime_ns: Some(-1),
    }
}

#[tokio::test]
async fn a_file_is_written_whole() {
    let setup = setup().await;
    let content: Vec<u8> = (0..5_000_001_u32).map(|n| n as u8).collect();
    let path = setup
        .session
        .export_file(one_file("new/dir/f", false), Box::new(Cursor::new(content.clone())))
        .await
        .unwrap();
    assert_eq!(path, setup.path("new/dir/f").to_str().unwrap());
    assert!(fs::read(&path).unwrap() == content);
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.mode() & 0o7777, found.mtime(), found.mtime_nsec()), (0o750, -1, 999_999_999));

    let empty = || Box::new(Cursor::new(Vec::new()));
    for path in ["new/dir", "new/dir/", "fresh/"] {
        let error = setup.session.export_file(one_file(path, false), empty()).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::IsADirectory), "{path}: {error}");
        let written = setup.session.export_file(one_file(path, true), empty()).await.unwrap();
        assert_eq!(written, setup.path(path).join("artifact").to_str().unwrap());
    }
    // The reason arrives although the client stops taking long before everything is sent.
    let large = Box::new(Cursor::new(vec![0; 50 << 20]));
    let error = setup.session.export_file(one_file("new/dir/f/below", false), large).await.unwrap_err();
    assert!(matches!(error, SessionError::Remote(_)) && error.to_string().contains("new/dir/f"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_there_is_kept() {
    let setup = setup().await;
    let content = b"content".as_slice();
    let request = || one_file("out/f", false);
    let facts = (Digest::of(content), content.len() as u64);
    let keep = |request, facts| setup.session.keep_file(request, facts);
    assert_eq!(keep(request(), facts).await.unwrap(), None, "nothing is there, not even the directory");
    setup.write("out/f", content);
    let before = fs::metadata(setup.path("out/f")).unwrap();
    let path = keep(request(), facts).await.unwrap().expect("it is as it should be");
    assert_eq!(path, setup.path("out/f").to_str().unwrap());
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.ino(), before.ino());
    assert_eq!((after.mode() & 0o7777, after.mtime(), after.mtime_nsec()), (0o750, -1, 999_999_999));
    // A second look changes nothing at all.
    assert!(keep(request(), facts).await.unwrap().is_some());
    let again = fs::metadata(&path).unwrap();
    assert_eq!((again.ctime(), again.ctime_nsec()), (after.ctime(), after.ctime_nsec()));

    // Content that differs, a link, and a directory are no such file, whatever lies behind them.
    assert_eq!(keep(request(), (Digest::of(b"CONTENT"), 7)).await.unwrap(), None);
    assert_eq!(keep(request(), (Digest::of(b"longer content"), 14)).await.unwrap(), None);
    symlink("f", setup.path("out/link")).unwrap();
    assert_eq!(keep(one_file("out/link", false), facts).await.unwrap(), None);
    assert_eq!(keep(one_file("out", true), facts).await.unwrap(), None);
    let error = keep(one_file("out", false), facts).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::IsADirectory), "{error}");
    setup.write("out/artifact", content);
    assert!(keep(one_file("out/", true), facts).await.unwrap().is_some());
}

/// What is no file of its own is written to, as by a shell; to put a file in its place would take `/dev/stdout` from everybody.
#[tokio::test]
async fn pipes_and_open_files_stay_what_they_are() {
    let setup = setup().await;
    let content = || Box::new(Cursor::new(b"content".to_vec()));
    let pipe = setup.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let read = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || fs::read(pipe)
    });
    setup.session.export_file(one_file("pipe", false), content()).await.unwrap();
    assert_eq!(read.await.unwrap().unwrap(), b"content");
    assert!(!fs::symlink_metadata(&pipe).unwrap().is_file(), "the pipe was replaced");

    setup.write("open", "what was there before");
    let open = fs::File::options().write(true).open(setup.path("open")).unwrap();
    let mode = open.metadata().unwrap().mode();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    setup.session.export_file(one_file(&path, false), content()).await.unwrap();
    assert_eq!(fs::read(setup.path("open")).unwrap(), b"content");
    assert_eq!(open.metadata().unwrap().mode(), mode);

    // A link in a directory of the user is one that may have come with an export.
    setup.write("precious", "precious");
    symlink("precious", setup.path("way")).unwrap();
    setup.session.export_file(one_file("way", false), content()).await.unwrap();
    assert_eq!(fs::read(setup.path("precious")).unwrap(), b"precious");
    assert!(fs::symlink_metadata(setup.path("way")).unwrap().is_file());
}

struct Failing(u64);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| std::io::Error::other("the disk is on fire"))?;
        buffer.fill(1);
        Ok(buffer.len())
    }
}

#[tokio::test]
async fn a_source_that_fails_leaves_the_old_file() {
    let setup = setup().await;
    setup.write("f", "old");
    let error = setup.session.export_file(one_file("f", false), Box::new(Failing(20))).await.unwrap_err();
    assert!(error.to_string().contains("on fire"), "{error}");
    assert_eq!(fs::read(setup.path("f")).unwrap(), b"old");
}

/// The store is asked from blocking threads, so it may be slow.
#[tokio::test]
async fn a_slow_source_does_not_stop_the_rest() {
    struct Slow;
    impl TreeSource for Slow {
        fn node(&self, _: &Digest) -> Result<bytes::Bytes, StoreFailure> {
            std::thread::sleep(Duration::from_millis(300));
            Err("slow, and then nothing".into())
        }
        fn blob(&self, _: &Digest) -> Result<Box<dyn Read + Send>, StoreFailure> {
            Err("nothing".into())
        }
    }
    let setup = setup().await;
    let request = ExportRequest { path: "out".into(), ..Default::default() };
    let export = setup.session.export_tree(request, Node::empty().id(), Arc::new(Slow));
    let quick = async {
        let start = std::time::Instant::now();
        setup.session.find_up("x").await.unwrap();
        start.elapsed()
    };
    let (result, elapsed) = tokio::join!(export, quick);
    assert!(result.unwrap_err().to_string().contains("slow"));
    assert!(elapsed < Duration::from_millis(250));
}
