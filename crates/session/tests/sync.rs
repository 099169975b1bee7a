//! Directories of a client that an engine takes over.

mod common;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use common::pair::{Setup, setup};
use common::store::Store;
use kukri_session::engine::SyncRequest;
use kukri_session::{ErrorCode, SessionError};

impl Setup {
    /// Paths and descriptions of what a request takes.
    async fn listed(&self, request: SyncRequest) -> Vec<String> {
        let id = self.try_sync(request).await.unwrap();
        self.store.list(id).into_iter().filter(|(path, _)| !path.is_empty()).map(|(path, _)| path).collect()
    }
}

fn patterns(include: &[&str], exclude: &[&str]) -> SyncRequest {
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    SyncRequest {
        path: ".".into(),
        include: strings(include),
        exclude: strings(exclude),
        ..SyncRequest::default()
    }
}

/// Lets times become old enough to be believed, without waiting.
fn age(path: &Path) {
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(path).unwrap().set_modified(old).unwrap();
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[tokio::test]
async fn everything_is_taken_as_it_is() {
    let setup = setup().await;
    setup.write("a.txt", "hello");
    setup.write("bin/run", "#!/bin/sh");
    setup.write("deep/er/and/deeper/x", "");
    setup.write("big", vec![b'B'; 3 << 20]);
    fs::set_permissions(setup.path("bin/run"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::create_dir(setup.path("empty")).unwrap();
    fs::set_permissions(setup.path("empty"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("../nowhere", setup.path("bin/link")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff\n name");
    fs::write(setup.dir.path().join("work").join(odd), "odd").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(setup.path("socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, setup.path("pipe"), 0o600.into()).unwrap();

    let id = setup.sync(".").await;
    let list = setup.store.list(id);
    let list: Vec<_> = list.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(
        list,
        [
            ("", "d 755"),
            ("a.txt", "f 644 hello"),
            ("big", "f 644 BBBBBBBBBBBBBBBBBBBB"),
            ("bin", "d 755"),
            ("bin/link", "l ../nowhere"),
            ("bin/run", "f 4751 #!/bin/sh"),
            ("deep", "d 755"),
            ("deep/er", "d 755"),
            ("deep/er/and", "d 755"),
            ("deep/er/and/deeper", "d 755"),
            ("deep/er/and/deeper/x", "f 644 "),
            ("empty", "d 700"),
            ("odd\u{fffd}\n name", "f 644 odd"),
            ("pipe", "p"),
        ]
    );
}

/// Files as they are found, and bytes once it is known which ones are missing.
#[tokio::test]
async fn how_much_there_is_to_come_is_told() {
    let setup = setup().await;
    for n in 0..700 {
        setup.write(&format!("d{}/f{n}", n % 7), format!("content {n}"));
    }
    setup.write("big", vec![b'B'; 3 << 20]);
    setup.write("same", "content 5");
    setup.sync(".").await;
    let small: u64 = (0..700).map(|n| format!("content {n}").len() as u64).sum();
    let told = std::mem::take(&mut *setup.store.told.lock().unwrap());
    assert_eq!(told[told.len() - 2..], [("found", 702), ("expected", small + (3 << 20))]);
    let found: Vec<u64> = told.iter().filter(|(what, _)| *what == "found").map(|(_, files)| *files).collect();
    assert!(found.len() > 1 && found.is_sorted(), "{told:?}");

    // Nothing has to come, and it is as many files. Those that were written just now are read again.
    setup.sync(".").await;
    let told = std::mem::take(&mut *setup.store.told.lock().unwrap());
    assert_eq!(told[told.len() - 2..], [("found", 702), ("expected", 0)]);
}

#[tokio::test]
async fn only_what_changed_is_sent() {
    let setup = setup().await;
    for n in 0..300 {
        setup.write(&format!("d{}/e{}/f{n}", n % 7, n % 3), format!("content {n}"));
    }
    let first = setup.sync(".").await;
    assert_eq!(setup.store.puts(), (1 + 7 + 21, 300));
    assert_eq!(setup.sync(".").await, first);
    assert_eq!(setup.store.puts(), (0, 0));

    setup.write("d0/e0/f0", "changed");
    let second = setup.sync(".").await;
    assert_ne!(second, first);
    assert_eq!(setup.store.puts(), (3, 1));
    assert_eq!(setup.store.list(second)["d0/e0/f0"], "f 644 changed");

    fs::rename(setup.path("d1/e1/f1"), setup.path("d1/e1/renamed")).unwrap();
    let third = setup.sync(".").await;
    assert_eq!(setup.store.puts(), (3, 0));
    assert!(setup.store.list(third).contains_key("d1/e1/renamed"));

    fs::remove_dir_all(setup.path("d2")).unwrap();
    let fourth = setup.sync(".").await;
    assert_eq!(setup.store.puts(), (1, 0));
    assert!(!setup.store.list(fourth).keys().any(|path| path.starts_with("d2")));

    fs::set_permissions(setup.path("d3/e0/f3"), fs::Permissions::from_mode(0o755)).unwrap();
    let fifth = setup.sync(".").await;
    assert_eq!(setup.store.puts(), (3, 0));
    assert_eq!(setup.store.list(fifth)["d3/e0/f3"], "f 755 content 3");
    assert_ne!(fifth.content, fourth.content);

    age(&setup.path("d4/e1/f4"));
    let sixth = setup.sync(".").await;
    assert_eq!(sixth.content, fifth.content, "a time alone is no change of the content");
    assert_ne!(sixth.stored, fifth.stored);
}

#[tokio::test]
async fn a_change_within_the_same_instant_is_seen() {
    let setup = setup().await;
    // Same size, same inode, and as near in time as can be.
    for n in 0..40 {
        setup.write("f", format!("{n:04}"));
        let id = setup.sync(".").await;
        assert_eq!(setup.store.list(id)["f"], format!("f 644 {n:04}"));
    }
}

#[tokio::test]
async fn what_is_remembered_is_not_read_again() {
    let setup = setup().await;
    setup.write("f", "content");
    std::thread::sleep(Duration::from_millis(80));
    let first = setup.sync(".").await;
    // Another engine, which has nothing: all is named from memory, and the content is read for sending only.
    let other = Arc::new(Store::default());
    let request = SyncRequest { path: ".".into(), ..SyncRequest::default() };
    assert_eq!(setup.session.sync_directory(request, Arc::clone(&other) as Arc<_>).await.unwrap(), first);
    assert_eq!(other.puts(), (1, 1));
    // A damaged memory is no memory.
    for entry in fs::read_dir(setup.dir.path().join("cache")).unwrap() {
        fs::write(entry.unwrap().path(), "garbage").unwrap();
    }
    assert_eq!(setup.sync(".").await, first);
}

#[tokio::test]
async fn patterns_prune_the_walk() {
    let setup = setup().await;
    for path in [
        "src/main.rs",
        "src/lib/x.rs",
        "src/lib/x.txt",
        "target/debug/out",
        "README.md",
        "node_modules/m/i.js",
    ] {
        setup.write(path, path);
    }
    // A directory that nobody may look into must not matter when it is excluded. (Root may look into everything, so
    // there the test only says that it is left out.)
    fs::set_permissions(setup.path("target"), fs::Permissions::from_mode(0o000)).unwrap();
    let list = setup.listed(patterns(&[], &["target", "node_modules", "**/*.txt"])).await;
    assert_eq!(list, ["README.md", "src", "src/lib", "src/lib/x.rs", "src/main.rs"]);
    let list = setup.listed(patterns(&["src/**/*.rs"], &["src/lib"])).await;
    assert_eq!(list, ["src", "src/main.rs"]);
    let list = setup.listed(patterns(&["**/*.js"], &[])).await;
    assert_eq!(list, ["node_modules", "node_modules/m", "node_modules/m/i.js"]);
    let list = setup.listed(patterns(&["nothing"], &[])).await;
    assert!(list.is_empty());
    let list = setup.listed(patterns(&[], &["**", "!src", "src/lib"])).await;
    assert_eq!(list, ["src", "src/main.rs"]);
    fs::set_permissions(setup.path("target"), fs::Permissions::from_mode(0o755)).unwrap();
    // A filtered walk must not forget, nor spoil, what a full walk knows.
    assert_eq!(setup.sync(".").await, setup.sync(".").await);
}

#[tokio::test]
async fn gitignore_files_count_also_above() {
    let setup = setup().await;
    fs::create_dir(setup.path(".git")).unwrap();
    setup.write(".gitignore", "*.log\n/build/\n");
    setup.write("project/.gitignore", "secret\n!keep.log\n");
    for path in [
        "project/a.log",
        "project/keep.log",
        "project/sub/secret",
        "project/sub/ok",
        "project/build/x",
        "build/x",
    ] {
        setup.write(path, path);
    }
    let gitignore = |path: &str| SyncRequest { path: path.into(), gitignore: true, ..SyncRequest::default() };
    let list = setup.listed(gitignore("project")).await;
    assert_eq!(sorted(list), [".gitignore", "build", "build/x", "keep.log", "sub", "sub/ok"]);
    let list = setup.listed(gitignore(".")).await;
    assert!(
        !list.iter().any(|path| path == "build" || path.ends_with("a.log") || path.ends_with("secret")),
        "{list:?}"
    );
    let all = setup.listed(SyncRequest { path: "project".into(), ..SyncRequest::default() }).await;
    assert!(all.contains(&"a.log".to_owned()));
}

#[tokio::test]
async fn a_single_file_is_a_tree_with_one_entry() {
    let setup = setup().await;
    setup.write("dir/file", "one");
    setup.write("dir/other", "two");
    symlink("file", setup.path("dir/link")).unwrap();
    setup.write("dir/large", vec![1; 1 << 20]);
    let single = |path: &str| SyncRequest { path: path.into(), single_file: true, ..SyncRequest::default() };
    assert_eq!(setup.listed(single("dir/file")).await, ["file"]);
    assert_eq!(setup.listed(single("dir/large")).await, ["large"]);
    let id = setup.try_sync(single("~/work/dir/link")).await.unwrap();
    assert_eq!(setup.store.list(id)["link"], "f 644 one");
    for (path, code, text) in [
        ("dir", ErrorCode::IsADirectory, "dir is a directory, not a file"),
        ("/", ErrorCode::IsADirectory, "is a directory"),
        ("dir/none", ErrorCode::NotFound, "dir/none: no such file or directory"),
    ] {
        let error = setup.try_sync(single(path)).await.unwrap_err();
        assert!(error.code() == Some(code) && error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn bad_requests_name_the_path() {
    let setup = setup().await;
    setup.write("file", "x");
    let at = |path: &str| SyncRequest { path: path.into(), ..SyncRequest::default() };
    for (request, code, text) in [
        (at("missing"), ErrorCode::NotFound, "missing: no such file or directory"),
        (at("file"), ErrorCode::NotADirectory, "file is a file, not a directory"),
        (at("a\0b"), ErrorCode::Invalid, "NUL"),
        (patterns(&["[a"], &[]), ErrorCode::Invalid, "[a"),
    ] {
        let error = setup.try_sync(request).await.unwrap_err();
        assert!(error.code() == Some(code) && error.to_string().contains(text), "{error}");
    }
    // A store that is full fails the sync, and the session lives on.
    setup.store.full.store(true, Ordering::SeqCst);
    let error = setup.try_sync(at(".")).await.unwrap_err();
    assert!(
        matches!(&error, SessionError::Local(_)) && error.to_string().contains("no space left"),
        "{error}"
    );
    setup.store.full.store(false, Ordering::SeqCst);
    setup.sync(".").await;
}

#[tokio::test]
async fn files_that_change_all_the_time_do_not_spoil_a_sync() {
    let setup = setup().await;
    setup.write("small", "0");
    for n in 0..6 {
        setup.write(&format!("large{n}"), vec![n; 2 << 20]);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (writer_stop, small, large) = (Arc::clone(&stop), setup.path("small"), setup.path("large0"));
    let writer = std::thread::spawn(move || {
        for n in 0_u32.. {
            if writer_stop.load(Ordering::SeqCst) {
                return;
            }
            fs::write(&small, n.to_string()).unwrap();
            if n % 50 == 0 {
                fs::write(&large, vec![n as u8; 1 << 20]).unwrap();
            }
        }
    });
    for _ in 0..5 {
        // Either a consistent tree, or an error that names the file; never a hang, nor a store with holes.
        match setup.try_sync(SyncRequest { path: ".".into(), ..SyncRequest::default() }).await {
            Ok(id) => assert_eq!(setup.store.list(id).len(), 8),
            Err(error) => {
                let text = error.to_string();
                assert!(error.code() == Some(ErrorCode::Changed) && text.contains("large0"), "{text}");
            }
        }
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    setup.sync(".").await;
}

#[tokio::test]
async fn directories_that_come_and_go_all_the_time_do_not_spoil_a_sync() {
    let setup = setup().await;
    setup.write("kept", "0");
    let stop = Arc::new(AtomicBool::new(false));
    let (writer_stop, root) = (Arc::clone(&stop), setup.path("."));
    let writer = std::thread::spawn(move || {
        while !writer_stop.load(Ordering::SeqCst) {
            for n in 0..20 {
                let dir = root.join(format!("d{n}"));
                fs::create_dir(&dir).unwrap();
                fs::write(dir.join("file"), "0").unwrap();
            }
            for n in 0..20 {
                fs::remove_dir_all(root.join(format!("d{n}"))).unwrap();
            }
        }
    });
    for _ in 0..300 {
        let request = SyncRequest { path: ".".into(), ..SyncRequest::default() };
        match setup.try_sync(request).await {
            Ok(id) => assert_eq!(setup.store.list(id)["kept"], "f 644 0"),
            // A file that the engine lacks was gone each time.
            Err(error) => {
                let text = error.to_string();
                assert!(error.code() == Some(ErrorCode::Changed) && text.contains("; exclude it"), "{text}");
            }
        }
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    setup.sync(".").await;
}

/// Each is taken as it was up to some length.
#[tokio::test]
async fn files_that_grow_all_the_time_are_taken() {
    use std::io::Write;

    let setup = setup().await;
    let paths = ["short", "long"].map(|name| setup.path(name));
    setup.write("short", "0");
    setup.write("long", vec![b'0'; 2 << 20]);
    let stop = Arc::new(AtomicBool::new(false));
    let writer_stop = Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        let mut files = paths.map(|path| fs::File::options().append(true).open(path).unwrap());
        while !writer_stop.load(Ordering::SeqCst) {
            for file in &mut files {
                file.write_all(&[b'1'; 4096]).unwrap();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    for _ in 0..5 {
        let id = setup.sync(".").await;
        assert_eq!(setup.store.list(id).len(), 3);
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
}

#[tokio::test]
async fn dropping_a_sync_stops_the_client_and_the_next_one_works() {
    let setup = setup().await;
    for n in 0..2000 {
        setup.write(&format!("d{}/f{n}", n % 20), format!("{n}").repeat(1000));
    }
    for millis in [0, 1, 5, 20, 50] {
        let request = SyncRequest { path: ".".into(), ..SyncRequest::default() };
        let sync = setup.session.sync_directory(request, Arc::new(Store::default()));
        let _ = tokio::time::timeout(Duration::from_millis(millis), sync).await;
    }
    let id = setup.sync(".").await;
    assert_eq!(setup.store.list(id).len(), 2021);
}

#[tokio::test]
async fn large_flat_and_deep_directories_are_no_special_case() {
    let setup = setup().await;
    for n in 0..20_000 {
        setup.write(&format!("flat/a-rather-long-name-for-a-file-{n}"), "same");
    }
    let mut path = String::from("deep");
    for n in 0..200 {
        path.push_str(&format!("/d{n}"));
    }
    setup.write(&format!("{path}/end"), "end");
    let id = setup.sync(".").await;
    // The node of the flat directory is larger than a frame may be; the one content is sent once.
    assert_eq!(setup.store.puts(), (1 + 1 + 201, 2));
    let list = setup.store.list(id);
    assert_eq!(list.len(), 1 + 1 + 20_000 + 201 + 1);
}

#[tokio::test]
async fn several_syncs_at_once_share_the_connection() {
    let setup = Arc::new(setup().await);
    for n in 0..6 {
        for file in 0..200 {
            setup.write(&format!("tree{n}/f{file}"), format!("{n}/{file}").repeat(2000));
        }
    }
    let syncs: Vec<_> = (0..6)
        .map(|n| {
            let setup = Arc::clone(&setup);
            tokio::spawn(async move {
                setup
                    .try_sync(SyncRequest { path: format!("tree{n}"), ..SyncRequest::default() })
                    .await
                    .unwrap()
            })
        })
        .collect();
    for sync in syncs {
        assert_eq!(setup.store.list(sync.await.unwrap()).len(), 201);
    }
}

/// Runs in a process of its own, because the limit is the process's.
#[tokio::test]
async fn open_files_are_bounded() {
    const INNER: &str = "KUKRI_TEST_FEW_FILES";
    if std::env::var_os(INNER).is_none() {
        let exe = std::env::current_exe().unwrap();
        let status = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg("ulimit -n 64; exec \"$0\" --exact open_files_are_bounded --nocapture")
            .arg(exe)
            .env(INNER, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let setup = setup().await;
    for n in 0..5000 {
        setup.write(&format!("d{}/e{}/f{n}", n % 100, n % 7), format!("{n}"));
    }
    let id = setup.sync(".").await;
    assert_eq!(setup.store.puts().1, 5000);
    assert_eq!(setup.sync(".").await, id);
}

#[tokio::test]
async fn an_unreadable_file_is_named() {
    let setup = setup().await;
    // A file that not even root can read: nothing is mapped at address 0.
    let request = SyncRequest { path: "/proc/self/mem".into(), single_file: true, ..SyncRequest::default() };
    let error = setup.try_sync(request).await.unwrap_err();
    assert!(error.to_string().contains("cannot read /proc/self/mem"), "{error}");

    setup.write("dir/private", "x");
    fs::set_permissions(setup.path("dir/private"), fs::Permissions::from_mode(0o000)).unwrap();
    if !rustix::process::geteuid().is_root() {
        let request = SyncRequest { path: ".".into(), ..SyncRequest::default() };
        let error = setup.try_sync(request).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::PermissionDenied));
        assert!(error.to_string().contains("dir/private"), "{error}");
    }
}
