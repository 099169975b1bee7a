//! Layers, archives and images out, and in again.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::process::Command;

use kukri_model::Platform;
use kukri_oci::{
    Compression, ExportError, ExportImage, ExportOptions, ImageConfig, ImportError, LayerError, MediaTypes,
    NoProgress, PulledImage, Sha256Digest, export, import, layer_out, recompress,
};
use kukri_store::Store;
use kukri_tree::{Equality, Meta, TreeId};
use serde_json::{Value, json};

use crate::image::{Layer, gzip};
use crate::pull::{Log, layers, layers_with, listing, skipped, store};

fn amd64() -> Platform {
    "linux/amd64".parse().unwrap()
}

/// What `docker save` writes: plain layers, one of them as a link to another.
fn docker_save(tars: &[Vec<u8>], tag: &str, platform: &str) -> Vec<u8> {
    let (os, architecture) = platform.split_once('/').unwrap();
    let diff_ids: Vec<String> = tars.iter().map(|tar| Sha256Digest::of(tar).to_string()).collect();
    let config = json!({"os": os, "architecture": architecture, "config": {"Env": ["A=b"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let mut archive = Layer::new().file("config.json", config.to_string().as_bytes());
    let mut paths = Vec::new();
    for (at, tar) in tars.iter().enumerate() {
        let path = format!("{at}/layer.tar");
        archive = match tars[..at].iter().position(|other| other == tar) {
            Some(same) => archive.link(tar::EntryType::Symlink, &path, &format!("../{same}/layer.tar")),
            None => archive.file(&path, tar),
        };
        paths.push(path);
    }
    let manifest = json!([{"Config": "config.json", "RepoTags": [tag], "Layers": paths}]);
    archive.file("manifest.json", manifest.to_string().as_bytes()).tar()
}

fn imported(store: &Store, tars: &[Vec<u8>]) -> PulledImage {
    import(store, Cursor::new(docker_save(tars, "app:1", "linux/amd64")), &amd64(), None, &NoProgress)
        .unwrap()
}

fn image(pulled: &PulledImage) -> ExportImage {
    let annotations = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    ExportImage { config: pulled.config.clone(), layers: pulled.layers.clone(), annotations }
}

fn exported(store: &Store, images: &[ExportImage], options: &ExportOptions) -> (Vec<u8>, Sha256Digest) {
    let mut bytes = Vec::new();
    let exported = export(store, images, options, &mut bytes).unwrap();
    (bytes, exported.digest)
}

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        })
        .collect()
}

fn json_file(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Value {
    serde_json::from_slice(&files[name]).unwrap()
}

fn blob_json(files: &BTreeMap<String, Vec<u8>>, digest: &Value) -> Value {
    json_file(files, &digest.as_str().unwrap().replace("sha256:", "blobs/sha256/"))
}

/// The tree that `layers` give on a store which knows nothing.
fn unpacked_elsewhere(from: &Store, layers: &[kukri_oci::LayerInfo]) -> TreeId {
    let mut config = ImageConfig::empty(amd64());
    config.diff_ids = layers.iter().map(|layer| layer.diff_id).collect();
    let image = ExportImage { config, layers: layers.to_vec(), annotations: BTreeMap::new() };
    let (bytes, _) = exported(from, &[image], &ExportOptions::default());
    let (other, _dir) = store();
    import(&other, Cursor::new(bytes), &amd64(), None, &NoProgress).unwrap().tree
}

#[test]
fn privileged_layers_out_give_the_same_tree() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let image = imported(&store, &layers_with(|bin| bin.file("bin/ash", b"no link")));
    let trees: Vec<TreeId> = image.layers.iter().map(|layer| layer.tree).collect();
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Uncompressed] {
        let out = |base: Option<&TreeId>, tree: &TreeId| {
            let layer =
                layer_out(&store, base, tree, Equality::Stored, compression, MediaTypes::Oci, &|_| ())
                    .unwrap()
                    .unwrap();
            let again =
                layer_out(&store, base, tree, Equality::Stored, compression, MediaTypes::Oci, &|_| ())
                    .unwrap();
            assert_eq!(Some(&layer), again.as_ref(), "deterministic");
            layer
        };
        let whole = out(None, &trees[2]);
        assert_eq!(unpacked_elsewhere(&store, &[whole]), trees[2]);
        let chain = [out(None, &trees[0]), out(Some(&trees[0]), &trees[1]), out(Some(&trees[1]), &trees[2])];
        assert_eq!(unpacked_elsewhere(&store, &chain), trees[2]);
        // Backwards: removals become whiteouts.
        let back = [out(None, &trees[2]), out(Some(&trees[2]), &trees[0])];
        let found = unpacked_elsewhere(&store, &back);
        assert_eq!(found.content, trees[0].content);
    }
    assert_eq!(
        layer_out(
            &store,
            Some(&trees[0]),
            &trees[0],
            Equality::Stored,
            Compression::Gzip,
            MediaTypes::Oci,
            &|_| ()
        )
        .unwrap(),
        None
    );
}

#[test]
fn privileged_hard_links_stay_together() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let image = imported(&store, &layers());
    let tree = image.layers[0].tree;
    let layer =
        layer_out(&store, None, &tree, Equality::Stored, Compression::Uncompressed, MediaTypes::Oci, &|_| ())
            .unwrap()
            .unwrap();
    let archive = store.read_blob(&layer.blob).unwrap();
    let links = tar::Archive::new(&archive[..])
        .entries()
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let is_link = entry.header().entry_type() == tar::EntryType::Link;
            is_link.then(|| {
                (entry.path().unwrap().into_owned(), entry.link_name().unwrap().unwrap().into_owned())
            })
        })
        .collect::<Vec<_>>();
    assert_eq!(links, [("bin/sh".into(), "bin/ash".into())]);
}

#[test]
fn privileged_names_that_mean_something_in_layers_are_refused() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    // The writer of layers takes the name as it is; only archives give it a meaning.
    let mut writer = store.layer_writer().unwrap();
    writer.add_file(b"d/.wh.x", &Meta::new(0o644), 0, &mut std::io::empty()).unwrap();
    let tree = writer.finish(None).unwrap();
    let error = layer_out(&store, None, &tree, Equality::Stored, Compression::Gzip, MediaTypes::Oci, &|_| ())
        .unwrap_err();
    assert!(matches!(&error, LayerError::ReservedName(path) if path == "d/.wh.x"), "{error}");
}

#[test]
fn privileged_an_archive_comes_back_as_it_was() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let original = imported(&store, &layers());
    let options =
        ExportOptions { name: Some("registry.example/team/app:7".parse().unwrap()), ..Default::default() };
    let (bytes, digest) = exported(&store, &[image(&original)], &options);
    assert_eq!((bytes.clone(), digest), exported(&store, &[image(&original)], &options), "deterministic");

    let content = files(&bytes);
    assert_eq!(json_file(&content, "oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
    let index = json_file(&content, "index.json");
    let descriptor = &index["manifests"][0];
    assert_eq!(descriptor["digest"], digest.to_string());
    assert_eq!(descriptor["annotations"]["org.opencontainers.image.ref.name"], "7");
    assert_eq!(descriptor["annotations"]["a"], "b");
    assert_eq!(descriptor["platform"], json!({"os": "linux", "architecture": "amd64"}));
    let manifest = blob_json(&content, &descriptor["digest"]);
    assert_eq!(manifest["annotations"], json!({"a": "b"}));
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    let docker = json_file(&content, "manifest.json");
    assert_eq!(docker[0]["RepoTags"], json!(["registry.example/team/app:7"]));
    assert!(content.contains_key(docker[0]["Layers"][2].as_str().unwrap()));
    for (name, bytes) in
        content.iter().filter(|(name, _)| name.starts_with("blobs/sha256/") && name.len() > 13)
    {
        assert_eq!(*name, format!("blobs/sha256/{}", Sha256Digest::of(bytes).hex()));
    }

    let (other, _other_dir) = self::store();
    let log = Log::default();
    import(&other, Cursor::new(bytes.clone()), &amd64(), None, &log).unwrap();
    let layers = original.layers.len();
    let expected = [vec!["layer true"; layers], vec!["unpacked"; layers]].concat();
    assert_eq!(*log.0.lock().unwrap(), expected);
    let largest = original.layers.iter().map(|layer| layer.size).max();
    assert_eq!(Some(log.2.into_inner()), largest, "all of each layer is unpacked");
    let (other, _other_dir) = self::store();
    for tag in [None, Some("7"), Some("registry.example/team/app:7")] {
        let back = import(&other, Cursor::new(bytes.clone()), &amd64(), tag, &NoProgress).unwrap();
        assert_eq!((back.manifest_digest, back.tree), (digest, original.tree));
        assert_eq!(back.config.env, original.config.env);
        assert_eq!(listing(&other, &back.tree), listing(&store, &original.tree));
        let digests = |image: &PulledImage| image.layers.iter().map(|layer| layer.digest).collect::<Vec<_>>();
        assert_eq!(digests(&back), digests(&original), "byte for byte");
    }
    let error =
        import(&other, Cursor::new(bytes.clone()), &amd64(), Some("8"), &NoProgress).unwrap_err().to_string();
    assert!(error.contains("no image \"8\"") && error.contains("registry.example/team/app:7, 7"), "{error}");
    let error =
        import(&other, Cursor::new(bytes.clone()), &"linux/arm64".parse().unwrap(), None, &NoProgress)
            .unwrap_err();
    assert!(
        matches!(&error, ImportError::NoPlatform { available, .. } if available == "linux/amd64"),
        "{error}"
    );
    // Compressed as a whole.
    let back = import(&other, Cursor::new(gzip(&bytes)), &amd64(), None, &NoProgress).unwrap();
    assert_eq!(back.tree, original.tree);

    skopeo_reads(&bytes, "7");
}

/// Where skopeo is installed, it agrees that this is an OCI archive and a Docker archive.
fn skopeo_reads(archive: &[u8], tag: &str) {
    let mut file = tempfile::Builder::new().suffix(".tar").tempfile().unwrap();
    file.write_all(archive).unwrap();
    let path = file.path().display().to_string();
    for name in [format!("oci-archive:{path}:{tag}"), format!("docker-archive:{path}")] {
        let output = Command::new("skopeo").args(["--override-arch", "amd64", "inspect", &name]).output();
        let Ok(output) = output else {
            eprintln!("skipped: skopeo is not installed");
            return;
        };
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["Layers"].as_array().map(Vec::len), Some(3), "{answer}");
    }
}

#[test]
fn privileged_several_platforms_media_types_and_compressions() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let amd = imported(&store, &layers());
    let arm_tar = Layer::new().file("arm", b"arm").tar();
    let arm_archive = docker_save(&[arm_tar.clone(), arm_tar], "app:1", "linux/arm64");
    let arm =
        import(&store, Cursor::new(arm_archive), &"linux/arm64".parse().unwrap(), Some("app:1"), &NoProgress)
            .unwrap();
    let images = [image(&amd), image(&arm)];
    for (media_types, forced, layer_type) in [
        (MediaTypes::Docker, None, "application/vnd.docker.image.rootfs.diff.tar"),
        (MediaTypes::Docker, Some(Compression::Gzip), "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (MediaTypes::Oci, Some(Compression::Zstd), "application/vnd.oci.image.layer.v1.tar+zstd"),
    ] {
        let options = ExportOptions { media_types, forced_compression: forced, name: None };
        let (bytes, digest) = exported(&store, &images, &options);
        let content = files(&bytes);
        let root = &json_file(&content, "index.json")["manifests"][0];
        assert_eq!(root["digest"], digest.to_string());
        assert_eq!(root["mediaType"], media_types.index());
        let index = blob_json(&content, &root["digest"]);
        assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2));
        let manifest = blob_json(&content, &index["manifests"][1]["digest"]);
        assert_eq!(manifest["mediaType"], media_types.manifest());
        assert_eq!(manifest["config"]["mediaType"], media_types.config());
        assert_eq!(manifest["layers"][0]["mediaType"], layer_type);
        let (other, _other_dir) = self::store();
        for (pulled, platform) in [(&amd, "linux/amd64"), (&arm, "linux/arm64")] {
            let back =
                import(&other, Cursor::new(bytes.clone()), &platform.parse().unwrap(), None, &NoProgress)
                    .unwrap();
            assert_eq!(back.tree, pulled.tree);
        }
    }
    let options = ExportOptions::default();
    let mut out = Vec::new();
    let error = export(&store, &[image(&amd), image(&amd)], &options, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "duplicate platform \"linux/amd64\"");
    assert!(matches!(export(&store, &[], &options, &mut out), Err(ExportError::Nothing)));

    let scratch =
        ExportImage { config: ImageConfig::empty(amd64()), layers: vec![], annotations: BTreeMap::new() };
    let (bytes, _) = exported(&store, &[scratch], &options);
    assert!(
        listing(&store, &import(&store, Cursor::new(bytes), &amd64(), None, &NoProgress).unwrap().tree)
            .is_empty()
    );
}

#[test]
fn privileged_recompressed_layers_keep_their_content() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let image = imported(&store, &layers());
    let plain = &image.layers[2];
    let gzip = recompress(&store, plain, Compression::Gzip, MediaTypes::Oci).unwrap();
    assert!(gzip.size < plain.size / 10);
    assert_eq!((gzip.diff_id, gzip.tree), (plain.diff_id, plain.tree));
    let back = recompress(&store, &gzip, Compression::Uncompressed, MediaTypes::Docker).unwrap();
    assert_eq!(back, *plain);
}

#[test]
fn privileged_what_is_no_image_archive_is_refused() {
    if skipped() {
        return;
    }
    let (store, _dir) = store();
    let good = docker_save(&layers(), "app:1", "linux/amd64");
    let bad_layer = {
        let archive = exported(&store, &[image(&imported(&store, &layers()))], &ExportOptions::default()).0;
        let mut files = files(&archive);
        let manifest = json_file(&files, "index.json")["manifests"][0]["digest"].clone();
        let layer = blob_json(&files, &manifest)["layers"][2]["digest"]
            .as_str()
            .unwrap()
            .replace("sha256:", "blobs/sha256/");
        files.get_mut(&layer).unwrap()[1000] ^= 1;
        let builder = files.iter().filter(|(name, _)| !name.ends_with('/'));
        builder.fold(Layer::new(), |builder, (name, bytes)| builder.file(name, bytes)).tar()
    };
    for (bytes, part) in [
        (vec![], "neither index.json nor manifest.json"),
        (b"hello".repeat(300), "not a tar archive"),
        (good[..2000].to_vec(), "not a valid image archive"),
        (Layer::new().file("x", b"").tar(), "neither index.json nor manifest.json"),
        (Layer::new().file("index.json", b"{").tar(), "index.json:"),
        (bad_layer, "the archive is damaged"),
    ] {
        let (store, _dir) = self::store();
        let error = import(&store, Cursor::new(bytes), &amd64(), None, &NoProgress).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
