//! kill -9 at any moment leaves a store that opens at once and is sound.
//!
//! This program starts itself as a child that works on a store, kills it at a random moment, and looks at what is left.
#![expect(clippy::print_stdout, reason = "a test without the usual harness")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use kukri_model::Digest;
use kukri_store::{PruneOptions, ResultRecord, Root, Store, StoreConfig, VerifyOptions};
use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader, TreeId};

const ROUNDS: u32 = 20;
/// On a busy machine it takes more rounds until so many results were confirmed, but not more than that.
const CONFIRMED: usize = 20;
const MOST_ROUNDS: u32 = 400;

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("--work-on") => work(Path::new(&args.next().unwrap()), args.next().unwrap().parse().unwrap()),
        Some("--list") => println!("kill_at_random_moments: test"),
        _ => kill_at_random_moments(),
    }
}

fn config(root: &Path) -> StoreConfig {
    StoreConfig { max_layers: 5, ..StoreConfig::new(root) }
}

fn kill_at_random_moments() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let mut confirmed: Vec<Digest> = Vec::new();
    let mut random = Digest::of(&std::process::id().to_le_bytes());
    let mut total = 0;
    let mut rounds = 0;
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && total >= CONFIRMED && round % 4 == 0 {
            break;
        }
        rounds = round + 1;
        random = Digest::of(random.as_bytes());
        let delay = 5 + u64::from(u16::from_le_bytes([random.as_bytes()[0], random.as_bytes()[1]])) % 250;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--work-on", root.to_str().unwrap(), &round.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (begun, begins) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            // Nobody waits for more than the first.
            let tell = |_: &String| _ = begun.send(());
            lines.inspect(tell).collect::<Vec<String>>()
        });
        // Every fourth time it is killed while it opens the store.
        if round % 4 > 0 {
            begins.recv().unwrap();
        }
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        // It ends for no other reason: the store does what it is asked for as long as it lives.
        let status = child.wait().unwrap();
        let errors = std::io::read_to_string(errors).unwrap();
        assert_eq!(status.signal(), Some(9), "round {round}: the worker ended with {status}:\n{errors}");
        let before = confirmed.len();
        // A line is printed after the call returned, so what it names must be there; the last may be cut off.
        confirmed.extend(reader.join().unwrap().iter().filter_map(|line| Digest::from_hex(line)));
        total += confirmed.len() - before;

        let start = Instant::now();
        let store = Store::open(config(&root)).unwrap();
        let opened = start.elapsed();
        assert!(opened < Duration::from_secs(2), "round {round}: opening took {opened:?}");
        let report = store.verify(VerifyOptions { deep: true, repair: false }).unwrap();
        assert_eq!(report.problems, [], "round {round}");
        for key in &confirmed {
            assert!(
                store.get_result(key).unwrap().is_some(),
                "round {round}: result {key} was confirmed and is gone"
            );
        }
        if round % 4 == 3 {
            drop(store);
            let store = Store::open(StoreConfig { grace: Duration::ZERO, ..config(&root) }).unwrap();
            store.prune(&PruneOptions { all: true, ..PruneOptions::default() }).unwrap();
            let report = store.verify(VerifyOptions { deep: true, repair: false }).unwrap();
            assert_eq!((report.problems, report.leftovers), (vec![], 0), "round {round}, collected");
            confirmed.clear();
        }
    }
    assert!(total >= CONFIRMED, "{total} results confirmed in {rounds} rounds");
    println!("{rounds} rounds, {total} results confirmed and looked up");
}

/// All kinds of work, until the parent kills this process.
fn work(root: &Path, round: u32) {
    // A panic in one thread would be seen by nobody: the others go on until they are killed.
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
    let store = Store::open(config(root)).unwrap();
    println!("open");
    std::thread::scope(|scope| {
        for thread in 0..2_u32 {
            let store = store.clone();
            scope.spawn(move || {
                for step in 0..u32::MAX {
                    one(&store, &format!("{round}.{thread}.{step}"));
                }
            });
        }
        for _ in 0..u32::MAX {
            store.prune(&PruneOptions::default()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

fn one(store: &Store, name: &str) {
    let content = |len: usize| name.as_bytes().iter().copied().cycle().take(len).collect::<Vec<u8>>();
    let owner = std::fs::metadata("/proc/self").unwrap();
    let uid = std::os::unix::fs::MetadataExt::uid(&owner);
    let gid = std::os::unix::fs::MetadataExt::gid(&owner);
    let meta = Meta { uid, gid, ..Meta::new(0o644) };
    // A layer over a tree that was put together.
    let blobs: Vec<Vec<u8>> = (1..20).map(|n| content(n * 500)).collect();
    store.put_blobs(blobs.iter().map(|blob| (Digest::of(blob), blob.clone())).collect()).unwrap();
    let large = store.put_blob(&content(60_000)).unwrap();
    let mut node = Node { meta: Meta { mode: 0o755, ..meta.clone() }, entries: Vec::new() };
    for (at, blob) in blobs.iter().enumerate() {
        let kind = EntryKind::File {
            meta: meta.clone(),
            blob: Digest::of(blob),
            size: blob.len() as u64,
            link_group: 0,
        };
        node.set(Entry { name: format!("{at}").into_bytes().into(), kind });
    }
    let kind = EntryKind::File { meta: meta.clone(), blob: large, size: 60_000, link_group: 0 };
    node.set(Entry { name: b"large"[..].into(), kind });
    let (base, bytes) = node.seal();
    store.put_nodes(vec![(base.stored, bytes)]).unwrap();
    let mounted = store.materialise(&base).unwrap();
    let mut layer = store.layer_writer().unwrap();
    layer.add_dir(b"dir", &Meta { mode: 0o755, ..meta.clone() }).unwrap();
    layer.add_file(b"dir/file", &meta, 100, &mut &content(100)[..]).unwrap();
    layer.add_file(b"dir/large", &meta, 80_000, &mut &content(80_000)[..]).unwrap();
    let mut tree: TreeId = layer.finish(Some(&base)).unwrap();
    for step in 0..3 {
        let space = store.workspace(Some(&tree)).unwrap();
        std::fs::write(space.upper().join("step"), content(step * 20_000)).unwrap();
        tree = store.commit_upper(&tree, space).unwrap();
        store.materialise(&tree).unwrap();
    }
    drop(mounted);
    store.volume(name, "volume").unwrap();
    store.put_calls(vec![(Digest::of(name.as_bytes()), content(100))]).unwrap();
    assert!(store.node(&tree.stored).is_ok());
    let key = Digest::of(name.as_bytes());
    let record = ResultRecord {
        value: content(50),
        roots: vec![Root::Tree(tree), Root::Blob(large)],
        label: name.to_owned(),
        slot: Digest::of(b"slot"),
        inputs: vec![],
        cost_ms: 1,
        created: SystemTime::now(),
    };
    store.put_result(&key, record).unwrap();
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", key.hex());
    let _ = out.flush();
}
