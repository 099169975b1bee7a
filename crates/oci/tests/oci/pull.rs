//! From a registry into a store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kukri_model::{Digest, Platform};
use kukri_oci::{
    NoAuth, NoProgress, PullError, PullProgress, PulledImage, Reference, RegistryClient, RegistryConfig,
    RegistryError, Sha256Digest, UnpackError, pull,
};
use kukri_store::{Store, StoreConfig};
use kukri_tree::{EntryKind, NodeReader, TreeId};

use crate::fake::Fake;
use crate::image::{Image, Layer, gzip};
use crate::real::Registry;

/// Why a test cannot run; layers are unpacked with owners and devices.
pub fn skipped() -> bool {
    let root =
        std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    if !root {
        eprintln!("skipped: needs root");
    }
    !root
}

pub fn store() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Store::open(StoreConfig::new(dir.path().join("store"))).unwrap(), dir)
}

fn platform() -> Platform {
    "linux/amd64".parse().unwrap()
}

fn client() -> RegistryClient {
    let config = RegistryConfig { backoff: Duration::from_millis(1), ..Default::default() };
    RegistryClient::new(config, Arc::new(NoAuth))
}

pub async fn pulled(store: &Store, name: &str) -> Result<PulledImage, PullError> {
    let name: Reference = name.parse().unwrap();
    let resolved = client().resolve(&name, &platform()).await.unwrap();
    pull(&client(), store, &resolved, &NoProgress).await
}

/// A tree as lines: path, kind, mode and what it holds. Hard links carry the number of names they have in common.
pub fn listing(store: &Store, tree: &TreeId) -> Vec<String> {
    fn walk(store: &Store, id: &TreeId, path: &str, lines: &mut Vec<String>) {
        let node = store.node(&id.stored).unwrap();
        for entry in &node.entries {
            let path = format!("{path}{}", String::from_utf8_lossy(&entry.name));
            match &entry.kind {
                EntryKind::File { blob, link_group, meta, .. } => {
                    let content = String::from_utf8_lossy(&store.read_blob(blob).unwrap()).into_owned();
                    let content =
                        if content.len() > 40 { format!("{} bytes", content.len()) } else { content };
                    let linked = if *link_group == 0 { "" } else { " linked" };
                    lines.push(format!("{path} {:o} {content}{linked}", meta.mode));
                }
                EntryKind::Dir(id) => {
                    let mode = store.node(&id.stored).unwrap().meta.mode;
                    lines.push(format!("{path}/ {mode:o}"));
                    walk(store, id, &format!("{path}/"), lines);
                }
                EntryKind::Symlink { target, .. } => {
                    lines.push(format!("{path} -> {}", String::from_utf8_lossy(target)));
                }
                EntryKind::CharDevice { major, minor, .. } => lines.push(format!("{path} c {major},{minor}")),
                EntryKind::BlockDevice { major, minor, .. } => {
                    lines.push(format!("{path} b {major},{minor}"))
                }
                EntryKind::Fifo { .. } => lines.push(format!("{path} p")),
            }
        }
    }
    let mut lines = Vec::new();
    walk(store, tree, "", &mut lines);
    lines
}

pub fn layers() -> [Vec<u8>; 3] {
    layers_with(|bin| bin.link(tar::EntryType::Link, "bin/ash", "bin/sh"))
}

/// Three layers that use everything there is; `more` adds to `bin` in the first one.
pub fn layers_with(more: impl FnOnce(Layer) -> Layer) -> [Vec<u8>; 3] {
    let base = more(Layer::new().dir("bin", 0o755).file("bin/sh", b"shell"))
        .link(tar::EntryType::Symlink, "bin/link", "../sbin/x")
        .dir("etc", 0o750)
        .file("etc/a", b"a")
        .file("etc/b", b"b")
        .dir("old", 0o755)
        .file("old/x", b"x")
        .dir("swap", 0o755)
        .file("swap/in", b"in")
        .device("null", 1, 3)
        .fifo("pipe")
        .pax_file("xattr", b"v", &[("SCHILY.xattr.user.k", b"a\nb"), ("mtime", b"12.5")]);
    let changes = Layer::new()
        .file("etc/.wh.a", b"")
        .file("etc/b", b"B")
        .dir("old", 0o700)
        .file("old/.wh..wh..opq", b"")
        .file("old/new", b"new")
        .file("swap", b"now a file")
        .file(".wh.pipe", b"");
    let top = Layer::new().file("deep/er/file", &vec![b'z'; 300_000]).file("bin/.wh.ash", b"");
    [base.tar(), changes.tar(), top.tar()]
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_layers_become_a_tree() {
    if skipped() {
        return;
    }
    let Some(registry) = Registry::start() else { return };
    let image = Image::new("linux/amd64", &layers());
    registry.add("app", "latest", &image).await;
    let (store, _dir) = store();
    let pulled = pulled(&store, &registry.name("app")).await.unwrap();
    assert_eq!(pulled.manifest_digest, image.digest());
    assert_eq!(pulled.config.cmd, Some(vec!["sh".to_owned()]));
    let base = listing(&store, &pulled.layers[0].tree);
    assert!(base.contains(&"bin/ash 644 shell linked".to_owned()), "{base:?}");
    assert!(base.contains(&"null c 1,3".to_owned()) && base.contains(&"pipe p".to_owned()), "{base:?}");
    let found = listing(&store, &pulled.tree);
    let expected = [
        "bin/ 755",
        "bin/link -> ../sbin/x",
        "bin/sh 644 shell linked",
        "deep/ 755",
        "deep/er/ 755",
        "deep/er/file 644 300000 bytes",
        "etc/ 750",
        "etc/b 644 B",
        "null c 1,3",
        "old/ 700",
        "old/new 644 new",
        "swap 644 now a file",
        "xattr 644 v",
    ];
    let found_unlinked: Vec<String> = found.iter().map(|line| line.replace(" linked", "")).collect();
    assert_eq!(found_unlinked, expected.map(|line| line.replace(" linked", "")));
    let root = store.node(&pulled.tree.stored).unwrap();
    let EntryKind::File { meta, .. } = &root.get(b"xattr").unwrap().kind else { panic!("not a file") };
    assert_eq!(meta.mtime_ns, 12_500_000_000);
    assert_eq!(meta.xattrs, [((*b"user.k").into(), (*b"a\nb").into())]);
    for (layer, bytes) in pulled.layers.iter().zip(&image.blobs) {
        assert_eq!(store.read_blob(&layer.blob).unwrap(), *bytes, "compressed layers are kept as they came");
        assert_eq!(layer.digest, Sha256Digest::of(bytes));
    }
}

fn unpack_error(error: &PullError) -> &UnpackError {
    match error {
        PullError::Unpack { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[derive(Default)]
pub struct Log(pub Mutex<Vec<String>>, pub AtomicU64, pub AtomicU64);

impl PullProgress for Log {
    fn layer(&self, _: &Sha256Digest, _: u64, present: bool) {
        self.0.lock().unwrap().push(format!("layer {present}"));
    }
    fn downloaded(&self, _: &Sha256Digest, bytes: u64) {
        self.1.fetch_add(bytes, Ordering::Relaxed);
    }
    fn extracted(&self, _: &Sha256Digest, bytes: u64) {
        self.2.fetch_max(bytes, Ordering::Relaxed);
    }
    fn unpacked(&self, _: &Sha256Digest) {
        self.0.lock().unwrap().push("unpacked".to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_what_is_there_is_not_fetched_again() {
    if skipped() {
        return;
    }
    let fake = Fake::start().await;
    let [base, changes, top] = layers();
    fake.add("one", "latest", &Image::new("linux/amd64", &[base.clone(), changes.clone()]));
    fake.add("two", "latest", &Image::new("linux/amd64", &[base.clone(), changes.clone(), top.clone()]));
    // The same layer on nothing: another tree, but not another download.
    fake.add("three", "latest", &Image::new("linux/amd64", std::slice::from_ref(&top)));
    // The same content compressed otherwise: the tree is known, the bytes are not.
    let media_type = "application/vnd.oci.image.layer.v1.tar";
    fake.add("four", "latest", &Image::with_layers("linux/amd64", vec![(media_type, base.clone(), base)]));
    let (store, _dir) = store();
    let blobs = || fake.log().iter().filter(|line| line.contains("/blobs/")).count();
    // Each resolve fetches a configuration.
    let one = pulled(&store, &fake.name("one")).await.unwrap();
    assert_eq!(blobs(), 1 + 2, "{:#?}", fake.log());
    let name: Reference = fake.name("two").parse().unwrap();
    let log = Log::default();
    let resolved = client().resolve(&name, &platform()).await.unwrap();
    let two = pull(&client(), &store, &resolved, &log).await.unwrap();
    assert_eq!(blobs(), 3 + 1 + 1);
    assert_eq!(two.layers[..2], one.layers[..]);
    assert_eq!(
        *log.0.lock().unwrap(),
        ["layer true", "layer true", "layer false", "unpacked", "unpacked", "unpacked"]
    );
    let size = resolved.manifest.layers[2].size;
    assert_eq!(log.1.load(Ordering::Relaxed), size, "each byte is told once");
    assert!(log.2.load(Ordering::Relaxed) <= size);
    let three = pulled(&store, &fake.name("three")).await.unwrap();
    assert_eq!(blobs(), 5 + 1);
    // The parent of a whiteout is made, as other tools make it.
    assert_eq!(listing(&store, &three.tree)[0], "bin/ 755");
    let four = pulled(&store, &fake.name("four")).await.unwrap();
    assert_eq!(blobs(), 6 + 2);
    assert_eq!(four.tree, one.layers[0].tree);
    assert_ne!(four.layers[0].blob, one.layers[0].blob);
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_forged_and_hostile_layers_are_refused() {
    if skipped() {
        return;
    }
    let fake = Fake::start().await;
    let (store, _dir) = store();
    let tar = Layer::new().file("x", b"x").tar();
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";

    // The configuration promises another content.
    let other = Layer::new().file("x", b"y").tar();
    fake.add("diff", "latest", &Image::with_layers("linux/amd64", vec![(media_type, gzip(&tar), other)]));
    let error = pulled(&store, &fake.name("diff")).await.unwrap_err();
    assert!(matches!(unpack_error(&error), UnpackError::WrongDiffId { .. }), "{error}");

    // The registry sends other bytes than the manifest promises.
    let image = Image::new("linux/amd64", std::slice::from_ref(&tar));
    fake.add("bytes", "latest", &image);
    let mut forged = image.blobs[0].clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    fake.state.lock().unwrap().blobs.insert(Sha256Digest::of(&image.blobs[0]).to_string(), forged);
    let error = pulled(&store, &fake.name("bytes")).await.unwrap_err();
    let PullError::Registry { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, RegistryError::WrongDigest { .. }), "{error}");

    for (name, tar, part) in [
        ("cut", tar[..700].to_vec(), "cut off"),
        ("whiteout", Layer::new().file("a/.wh...", b"").tar(), "hides no valid name"),
        ("sparse", Layer::new().pax_file("s", b"x", &[("GNU.sparse.major", b"1")]).tar(), "sparse"),
        ("nonsense", vec![b'n'; 2000], "not a tar archive"),
        ("escape", Layer::new().raw_file(b"a/../../evil", b"x").tar(), "evil"),
    ] {
        fake.add(name, "latest", &Image::new("linux/amd64", &[tar]));
        let error = pulled(&store, &fake.name(name)).await.unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(name), "{error}");
    }

    let strange = vec![("application/vnd.example", tar.clone(), tar)];
    fake.add("type", "latest", &Image::with_layers("linux/amd64", strange));
    let error = pulled(&store, &fake.name("type")).await.unwrap_err();
    assert!(matches!(unpack_error(&error), UnpackError::MediaType { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_all_compressions_and_no_layers() {
    if skipped() {
        return;
    }
    let fake = Fake::start().await;
    let (store, _dir) = store();
    let tars: Vec<Vec<u8>> =
        (0..3_u8).map(|number| Layer::new().file(&format!("f{number}"), &[number + 48]).tar()).collect();
    let zstd = zstd::encode_all(&tars[1][..], 3).unwrap();
    let layers = vec![
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip(&tars[0]), tars[0].clone()),
        ("application/vnd.oci.image.layer.v1.tar+zstd", zstd, tars[1].clone()),
        ("application/vnd.oci.image.layer.v1.tar", tars[2].clone(), tars[2].clone()),
    ];
    fake.add("mixed", "latest", &Image::with_layers("linux/amd64", layers));
    let mixed = pulled(&store, &fake.name("mixed")).await.unwrap();
    assert_eq!(listing(&store, &mixed.tree), ["f0 644 0", "f1 644 1", "f2 644 2"]);

    fake.add("scratch", "latest", &Image::new("linux/amd64", &[]));
    let scratch = pulled(&store, &fake.name("scratch")).await.unwrap();
    assert!(listing(&store, &scratch.tree).is_empty());
    assert_eq!(scratch.tree, store.put_empty_tree().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_a_broken_download_of_a_layer_is_resumed() {
    if skipped() {
        return;
    }
    let fake = Fake::start().await;
    let (store, _dir) = store();
    let mut random = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as u8
    })
    .take(3_000_000)
    .collect();
    fake.add("app", "latest", &Image::new("linux/amd64", &[Layer::new().file("noise", &noise).tar()]));
    let name: Reference = fake.name("app").parse().unwrap();
    let resolved = client().resolve(&name, &platform()).await.unwrap();
    fake.state.lock().unwrap().break_blobs = 3;
    let pulled = pull(&client(), &store, &resolved, &NoProgress).await.unwrap();
    let root = store.node(&pulled.tree.stored).unwrap();
    let EntryKind::File { blob, .. } = &root.get(b"noise").unwrap().kind else { panic!("not a file") };
    assert_eq!(*blob, Digest::of(&noise));
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_links_in_a_layer_lead_nowhere_outside() {
    if skipped() {
        return;
    }
    let fake = Fake::start().await;
    let (store, dir) = store();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let tar = Layer::new()
        .link(tar::EntryType::Symlink, "way", outside.to_str().unwrap())
        .file("way/out", b"x")
        .link(tar::EntryType::Link, "passwd", "/etc/passwd")
        .tar();
    fake.add("app", "latest", &Image::new("linux/amd64", &[tar]));
    let error = pulled(&store, &fake.name("app")).await.unwrap_err().to_string();
    assert!(error.contains("passwd"), "a hard link to what is not in the image: {error}");
    let tar = Layer::new()
        .link(tar::EntryType::Symlink, "way", outside.to_str().unwrap())
        .file("way/out", b"x")
        .tar();
    fake.add("app", "latest", &Image::new("linux/amd64", &[tar]));
    let _ = pulled(&store, &fake.name("app")).await;
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_a_pull_can_be_abandoned() {
    if skipped() {
        return;
    }
    let fake = Fake::start().await;
    let (store, _dir) = store();
    fake.add("app", "latest", &Image::new("linux/amd64", &layers()));
    let name: Reference = fake.name("app").parse().unwrap();
    let resolved = client().resolve(&name, &platform()).await.unwrap();
    fake.state.lock().unwrap().stall = true;
    let abandoned =
        tokio::time::timeout(Duration::from_millis(300), pull(&client(), &store, &resolved, &NoProgress))
            .await;
    assert!(abandoned.is_err());
    // The end of this test waits for blocking threads: they must have noticed. A later pull is not disturbed.
    fake.state.lock().unwrap().stall = false;
    pull(&client(), &store, &resolved, &NoProgress).await.unwrap();
}
