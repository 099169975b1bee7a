//! From a store to a registry.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kukri_oci::{
    Compression, ExportImage, ExportOptions, MediaTypes, NoAuth, NoProgress, PushProgress, Reference,
    RegistryClient, RegistryConfig, import, layer_out, pull, push,
};

use crate::fake::Fake;
use crate::image::{Image, Layer};
use crate::pull::{layers, pulled, skipped, store};
use crate::real::Registry;

fn client() -> RegistryClient {
    let config = RegistryConfig { backoff: Duration::from_millis(1), ..Default::default() };
    RegistryClient::new(config, Arc::new(NoAuth))
}

/// Total, present, sent, lost.
#[derive(Default)]
struct Log([AtomicU64; 4]);

impl Log {
    fn numbers(&self) -> [u64; 4] {
        self.0.each_ref().map(|number| number.load(Ordering::Relaxed))
    }
}

impl PushProgress for Log {
    fn total(&self, bytes: u64) {
        self.0[0].fetch_add(bytes, Ordering::Relaxed);
    }
    fn present(&self, bytes: u64) {
        self.0[1].fetch_add(bytes, Ordering::Relaxed);
    }
    fn sent(&self, bytes: u64) {
        self.0[2].fetch_add(bytes, Ordering::Relaxed);
    }
    fn lost(&self, bytes: u64) {
        self.0[3].fetch_add(bytes, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_how_a_push_goes_on_is_told() {
    if skipped() {
        return;
    }
    let Some(registry) = Registry::start() else { return };
    let (store, _dir) = store();
    registry.add("base", "latest", &Image::new("linux/amd64", &layers())).await;
    let app = pulled(&store, &registry.name("base")).await.unwrap();
    let sizes: u64 = app.layers.iter().map(|layer| layer.size).sum();
    let image = ExportImage { config: app.config, layers: app.layers, annotations: BTreeMap::new() };
    let name: Reference = format!("{}:v1", registry.name("elsewhere")).parse().unwrap();
    let mut told = Vec::new();
    for _ in 0..2 {
        let log = Arc::new(Log::default());
        let watched = Arc::clone(&log);
        push(&client(), &store, vec![image.clone()], ExportOptions::default(), &name, watched).await.unwrap();
        told.push(log.numbers());
    }
    let total = told[0][0];
    assert!(total > sizes, "the layers and the configuration");
    assert_eq!(told, [[total, 0, total, 0], [total, total, 0, 0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_what_is_pushed_can_be_pulled() {
    if skipped() {
        return;
    }
    let Some(registry) = Registry::start() else { return };
    let (store, _dir) = store();
    let base = Image::new("linux/amd64", &layers());
    registry.add("base", "latest", &base).await;
    let mut app = pulled(&store, &registry.name("base")).await.unwrap();

    // One more layer on top, as after a step.
    let mut writer = store.layer_writer().unwrap();
    writer.add_file(b"app", &kukri_tree::Meta::new(0o755), 3, &mut &b"app"[..]).unwrap();
    let tree = writer.finish(Some(&app.tree)).unwrap();
    let layer = layer_out(
        &store,
        Some(&app.tree),
        &tree,
        kukri_tree::Equality::Stored,
        Compression::Gzip,
        MediaTypes::Oci,
        &|_| (),
    )
    .unwrap()
    .unwrap();
    app.layers.push(layer);
    app.config.set_env("NEW", "1");
    let image = ExportImage { config: app.config, layers: app.layers, annotations: BTreeMap::new() };

    let name: Reference = format!("{}:v1", registry.name("team/app")).parse().unwrap();
    let pushed =
        push(&client(), &store, vec![image.clone()], ExportOptions::default(), &name, Arc::new(NoProgress))
            .await
            .unwrap();
    assert!(pushed.to_string().starts_with(&format!("{name}@sha256:")), "{pushed}");
    let platform = "linux/amd64".parse().unwrap();
    let resolved = client().resolve(&name, &platform).await.unwrap();
    assert_eq!(Some(resolved.digest), pushed.digest());
    let bases: Vec<_> = resolved.manifest.layers.iter().map(|layer| layer.digest).collect();
    let expected: Vec<_> = base.blobs[..3].iter().map(|blob| kukri_oci::Sha256Digest::of(blob)).collect();
    assert_eq!(bases[..3], expected, "base layers stay byte for byte");
    let (elsewhere, _other_dir) = self::store();
    let back = pull(&client(), &elsewhere, &resolved, &NoProgress).await.unwrap();
    assert_eq!(back.tree, tree);
    assert_eq!(back.config.env_var("NEW"), Some("1"));
    assert_eq!(back.config.history.len(), 4);

    // Several platforms, with other media types and another compression.
    let mut other = image.clone();
    other.config.platform = "linux/arm64".parse().unwrap();
    let options = ExportOptions {
        media_types: MediaTypes::Docker,
        forced_compression: Some(Compression::Uncompressed),
        name: None,
    };
    let name: Reference = registry.name("team/multi").parse().unwrap();
    let pushed =
        push(&client(), &store, vec![image, other], options, &name, Arc::new(NoProgress)).await.unwrap();
    for platform in ["linux/amd64", "linux/arm64"] {
        let resolved = client().resolve(&name, &platform.parse().unwrap()).await.unwrap();
        assert_eq!(Some(resolved.digest), pushed.digest());
        assert_ne!(Some(resolved.manifest_digest), pushed.digest());
        assert_eq!(resolved.manifest.layers[0].media_type, "application/vnd.docker.image.rootfs.diff.tar");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_a_refused_push_says_so() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let fake = Fake::start().await;
    {
        let mut state = fake.state.lock().unwrap();
        state.wanted = Some("Basic x".to_owned());
        state.challenge = "Basic realm=x".to_owned();
    }
    let tar = Layer::new().file("x", b"x").tar();
    let diff_id = kukri_oci::Sha256Digest::of(&tar).to_string();
    let config = serde_json::json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let manifest = r#"[{"Config":"c","RepoTags":null,"Layers":["l"]}]"#;
    let archive = Layer::new()
        .file("c", config.to_string().as_bytes())
        .file("l", &tar)
        .file("manifest.json", manifest.as_bytes());
    let image =
        import(&store, Cursor::new(archive.tar()), &"linux/amd64".parse().unwrap(), None, &NoProgress)
            .unwrap();
    let image = ExportImage { config: image.config, layers: image.layers, annotations: BTreeMap::new() };
    let name: Reference = fake.name("app").parse().unwrap();
    let error = push(&client(), &store, vec![image], ExportOptions::default(), &name, Arc::new(NoProgress))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.starts_with(&format!("failed to push {name}: ")), "{error}");
    assert!(error.contains("refuses access") && error.contains("no credentials were given"), "{error}");
}
