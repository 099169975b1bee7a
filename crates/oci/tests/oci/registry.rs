//! Resolving and downloading.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use kukri_model::Platform;
use kukri_oci::{
    Credentials, Descriptor, NoAuth, Reference, RegistryClient, RegistryConfig, RegistryError, Sha256Digest,
    StaticAuth,
};

use crate::fake::Fake;
use crate::image::{Image, Layer, OCI_INDEX, index};
use crate::real::Registry;

fn config() -> RegistryConfig {
    RegistryConfig { backoff: Duration::from_millis(1), ..Default::default() }
}

fn client() -> RegistryClient {
    RegistryClient::new(config(), Arc::new(NoAuth))
}

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn image(platform: &str) -> Image {
    Image::new(platform, &[Layer::new().file("hello", platform.as_bytes()).tar()])
}

fn layer_of(image: &Image) -> Descriptor {
    Descriptor::of("application/vnd.oci.image.layer.v1.tar+gzip", &image.blobs[0])
}

#[tokio::test]
async fn a_real_registry_serves_tags_digests_and_platforms() {
    let Some(registry) = Registry::start() else { return };
    let (amd64, arm) = (image("linux/amd64"), image("linux/arm/v7"));
    registry.add("team/app", "amd64", &amd64).await;
    registry.add("team/app", "arm", &arm).await;
    let index = index(&[&amd64, &arm]);
    registry.add_manifest("team/app", "1", OCI_INDEX, &index).await;

    let name = reference(&format!("{}:1", registry.name("team/app")));
    let resolved = client().resolve(&name, &platform("linux/arm/v7")).await.unwrap();
    assert_eq!(resolved.digest, Sha256Digest::of(&index));
    assert_eq!(resolved.manifest_digest, arm.digest());
    assert_eq!(resolved.config.env_var("A"), Some("b"));
    assert_eq!(resolved.pinned().to_string(), format!("{name}@{}", Sha256Digest::of(&index)));

    let pinned = client().resolve(&resolved.pinned(), &platform("linux/amd64")).await.unwrap();
    assert_eq!(pinned.manifest_digest, amd64.digest());
    let bytes = client().fetch_blob(&name, &pinned.manifest.layers[0], 1 << 20).await.unwrap();
    assert_eq!(bytes, amd64.blobs[0]);

    let error = client().resolve(&name, &platform("linux/s390x")).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("failed to resolve image \"{name}\" (platform: \"linux/s390x\"): ")),
        "{error}"
    );
    assert!(error.ends_with("available: linux/amd64, linux/arm/v7"), "{error}");
    let missing = reference(&registry.name("team/other"));
    let error = client().resolve(&missing, &platform("linux/amd64")).await.unwrap_err();
    assert!(matches!(*error.source, RegistryError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_single_manifest_is_only_for_its_platform() {
    let fake = Fake::start().await;
    fake.add("app", "latest", &image("linux/arm64"));
    let name = reference(&fake.name("app"));
    assert!(client().resolve(&name, &platform("linux/arm64")).await.is_ok());
    let error = client().resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    assert!(error.contains("available: linux/arm64"), "{error}");
}

#[tokio::test]
async fn nobody_there() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let name = reference(&format!("127.0.0.1:{port}/app"));
    let error = client().resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    for part in ["connection refused", "check that the registry runs", &format!("registry 127.0.0.1:{port}")]
    {
        assert!(error.contains(part), "{error}");
    }
    let name = reference("no-such-host.invalid/app");
    let error = client().resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    assert!(error.contains("cannot be resolved"), "{error}");
}

#[tokio::test]
async fn mirrors_are_asked_first_and_may_fail() {
    let (empty, full) = (Fake::start().await, Fake::start().await);
    let app = image("linux/amd64");
    full.add("library/app", "latest", &app);
    let mirrors = vec![format!("http://{}", empty.address), full.address.to_string()];
    let config = RegistryConfig { mirrors: BTreeMap::from([("docker.io".to_owned(), mirrors)]), ..config() };
    let client = RegistryClient::new(config, Arc::new(NoAuth));
    let resolved = client.resolve(&reference("app"), &platform("linux/amd64")).await.unwrap();
    assert_eq!(resolved.manifest_digest, app.digest());
    assert_eq!(empty.log(), ["GET /v2/library/app/manifests/latest"]);
    let bytes = client.fetch_blob(&resolved.reference, &layer_of(&app), 1 << 20).await.unwrap();
    assert_eq!(bytes, app.blobs[0]);
}

/// What lies under a digest never changes; a tag may.
#[tokio::test]
async fn of_a_known_image_only_the_tag_is_asked_for() {
    let fake = Fake::start().await;
    let (old, new) =
        (image("linux/amd64"), Image::new("linux/amd64", &[Layer::new().file("x", b"new").tar()]));
    fake.add("app", "latest", &old);
    let (name, amd64) = (reference(&fake.name("app")), platform("linux/amd64"));
    let known = client().resolve(&name, &amd64).await.unwrap();
    let recall = |digest| {
        let found = (digest == known.digest).then(|| known.clone());
        std::future::ready(found).boxed()
    };
    let asked = fake.log().len();
    let again = client().resolve_known(&name, &amd64, &recall).await.unwrap();
    assert_eq!(again.manifest_digest, old.digest());
    assert_eq!(fake.log()[asked..], ["GET /v2/app/manifests/latest"]);
    fake.add("app", "latest", &new);
    let moved = client().resolve_known(&name, &amd64, &recall).await.unwrap();
    assert_eq!(moved.manifest_digest, new.digest());
}

#[tokio::test]
async fn broken_downloads_go_on_where_they_stopped() {
    for no_ranges in [false, true] {
        let fake = Fake::start().await;
        let app = Image::new("linux/amd64", &[Layer::new().file("x", &vec![7; 100_000]).tar()]);
        fake.add("app", "latest", &app);
        {
            let mut state = fake.state.lock().unwrap();
            (state.break_blobs, state.no_ranges) = (3, no_ranges);
        }
        let bytes =
            client().fetch_blob(&reference(&fake.name("app")), &layer_of(&app), 1 << 20).await.unwrap();
        assert_eq!(bytes, app.blobs[0]);
        let log = fake.log();
        assert_eq!(log.len(), 4, "{log:?}");
        let half = app.blobs[0].len() / 2;
        assert!(log[1].ends_with(&format!("bytes={half}-")), "{log:?}");
    }
}

#[tokio::test]
async fn a_download_that_breaks_for_ever_fails() {
    let fake = Fake::start().await;
    let app = image("linux/amd64");
    fake.add("app", "latest", &app);
    fake.state.lock().unwrap().break_blobs = usize::MAX;
    let error =
        client().fetch_blob(&reference(&fake.name("app")), &layer_of(&app), 1 << 20).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn servers_that_are_busy_are_asked_again() {
    let fake = Fake::start().await;
    fake.add("app", "latest", &image("linux/amd64"));
    fake.state.lock().unwrap().unavailable = 3;
    assert!(client().resolve(&reference(&fake.name("app")), &platform("linux/amd64")).await.is_ok());
    fake.state.lock().unwrap().unavailable = 100;
    let error = client().resolve(&reference(&fake.name("app")), &platform("linux/amd64")).await.unwrap_err();
    assert!(error.to_string().contains("answered 503") && error.to_string().contains("busy"), "{error}");
    assert!(error.to_string().contains("try again later"), "{error}");
}

#[tokio::test]
async fn changed_content_is_noticed() {
    let fake = Fake::start().await;
    let app = image("linux/amd64");
    fake.add("app", "latest", &app);
    let layer = layer_of(&app);
    let mut forged = app.blobs[0].clone();
    forged[20] ^= 1;
    fake.state.lock().unwrap().blobs.insert(layer.digest.to_string(), forged);
    let name = reference(&fake.name("app"));
    let error = client().fetch_blob(&name, &layer, 1 << 20).await.unwrap_err();
    assert!(matches!(error, RegistryError::WrongDigest { .. }), "{error}");
    fake.state.lock().unwrap().blobs.insert(layer.digest.to_string(), vec![1; 5]);
    let error = client().fetch_blob(&name, &layer, 1 << 20).await.unwrap_err();
    assert!(error.to_string().contains("got 5 bytes"), "{error}");

    // A manifest under the digest of another one.
    let other = image("linux/arm64");
    let pinned = name.with_digest(other.digest());
    fake.state.lock().unwrap().manifests.insert(
        format!("/v2/app/manifests/{}", other.digest()),
        (crate::image::OCI_MANIFEST.to_owned(), app.manifest.clone()),
    );
    let error = client().resolve(&pinned, &platform("linux/arm64")).await.unwrap_err();
    assert!(matches!(*error.source, RegistryError::WrongDigest { .. }), "{error}");
}

fn with_password(host: &str, password: &str) -> RegistryClient {
    let credentials = Credentials::Basic { user: "me".to_owned(), password: password.to_owned() };
    RegistryClient::new(config(), Arc::new(StaticAuth(BTreeMap::from([(host.to_owned(), credentials)]))))
}

/// `me:secret` as it stands in a Basic header.
const ME: &str = "Basic bWU6c2VjcmV0";

#[tokio::test]
async fn tokens_are_fetched_once_and_kept() {
    let fake = Fake::start().await;
    let app = image("linux/amd64");
    fake.add("team/app", "latest", &app);
    {
        let mut state = fake.state.lock().unwrap();
        state.wanted = Some("Bearer abc".to_owned());
        state.challenge = format!(
            r#"Bearer realm="http://{}/token",service="reg",scope="repository:team/app:pull""#,
            fake.address
        );
        state.token = Some((ME.to_owned(), "abc".to_owned()));
    }
    let host = fake.address.to_string();
    let name = reference(&fake.name("team/app"));
    let client = with_password(&host, "secret");
    client.resolve(&name, &platform("linux/amd64")).await.unwrap();
    client.fetch_blob(&name, &layer_of(&app), 1 << 20).await.unwrap();
    let tokens: Vec<String> = fake.log().into_iter().filter(|line| line.contains("/token")).collect();
    assert_eq!(tokens, ["GET /token?service=reg&scope=repository%3Ateam%2Fapp%3Apull&account=me"]);

    let error =
        with_password(&host, "wrong").resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    assert!(error.contains("DENIED: wrong password") && error.contains("check the user name"), "{error}");
    let error = self::client().resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    assert!(error.contains("no credentials were given"), "{error}");

    let identity = StaticAuth(BTreeMap::from([(host, Credentials::IdentityToken("refresh me".to_owned()))]));
    fake.state.lock().unwrap().token = Some(("refresh_token=refresh%20me".to_owned(), "abc".to_owned()));
    let client = client.with_auth(Arc::new(identity));
    client.resolve(&name, &platform("linux/amd64")).await.unwrap();
}

#[tokio::test]
async fn basic_credentials_are_sent_when_asked_for() {
    let fake = Fake::start().await;
    fake.add("app", "latest", &image("linux/amd64"));
    {
        let mut state = fake.state.lock().unwrap();
        state.wanted = Some(ME.to_owned());
        state.challenge = r#"Basic realm="x""#.to_owned();
    }
    let name = reference(&fake.name("app"));
    let host = fake.address.to_string();
    assert!(with_password(&host, "secret").resolve(&name, &platform("linux/amd64")).await.is_ok());
    let error = with_password(&host, "no").resolve(&name, &platform("linux/amd64")).await.unwrap_err();
    assert!(matches!(*error.source, RegistryError::Unauthorized { .. }), "{error}");
    assert!(!error.to_string().contains("no credentials were given"), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_without_the_credentials() {
    let (registry, storage) = (Fake::start().await, Fake::start().await);
    let app = image("linux/amd64");
    registry.add("app", "latest", &app);
    storage.add("app", "latest", &app);
    // The storage refuses foreign credentials, as S3 does.
    {
        let mut state = registry.state.lock().unwrap();
        state.wanted = Some(ME.to_owned());
        state.challenge = "Basic realm=x".to_owned();
        state.redirect = Some(format!("http://{}", storage.address));
    }
    let client = with_password(&registry.address.to_string(), "secret");
    let bytes = client.fetch_blob(&reference(&registry.name("app")), &layer_of(&app), 1 << 20).await.unwrap();
    assert_eq!(bytes, app.blobs[0]);
    assert_eq!(storage.log().len(), 1);
}

#[tokio::test]
async fn artifacts_and_old_manifests_are_named_as_such() {
    let fake = Fake::start().await;
    fake.add_manifest(
        "old",
        "latest",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        br#"{"schemaVersion":1}"#,
    );
    let error = client()
        .resolve(&reference(&fake.name("old")), &platform("linux/amd64"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("schema version 1"), "{error}");
    let digest = Sha256Digest::of(b"{}");
    let chart = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"{digest}","size":2}},"layers":[]}}"#
    );
    fake.add_manifest("chart", "latest", crate::image::OCI_MANIFEST, chart.as_bytes());
    let error = client()
        .resolve(&reference(&fake.name("chart")), &platform("linux/amd64"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a container image but an artifact"), "{error}");
}

fn with(config: RegistryConfig) -> RegistryClient {
    RegistryClient::new(config, Arc::new(NoAuth))
}

#[tokio::test]
async fn certificates_are_checked_unless_told_otherwise() {
    let fake = Fake::start_tls().await;
    fake.add("app", "latest", &image("linux/amd64"));
    let host = format!("registry.test:{}", fake.address.port());
    let name = reference(&format!("{host}/app"));
    let base = RegistryConfig { addresses: BTreeMap::from([(host.clone(), fake.address)]), ..config() };

    let error = with(base.clone()).resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer") && error.contains("certificate authority"), "{error}");

    let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oci/tls/authority.pem").into();
    let trusting = RegistryConfig { ca_bundles: vec![bundle], ..base.clone() };
    with(trusting).resolve(&name, &platform("linux/amd64")).await.unwrap();

    let insecure = RegistryConfig { insecure: [host].into(), ..base };
    with(insecure).resolve(&name, &platform("linux/amd64")).await.unwrap();
}

#[tokio::test]
async fn tls_to_a_plain_server_is_explained() {
    let fake = Fake::start().await;
    let insecure = RegistryConfig { insecure: [fake.address.to_string()].into(), ..config() };
    let name = reference(&fake.name("app"));
    let error = with(insecure).resolve(&name, &platform("linux/amd64")).await.unwrap_err().to_string();
    assert!(error.contains("plain HTTP"), "{error}");
}

#[tokio::test]
async fn proxies_are_used_but_not_for_loopback() {
    let (proxy, local) = (Fake::start().await, Fake::start().await);
    proxy.add("app", "latest", &image("linux/amd64"));
    local.add("app", "latest", &image("linux/amd64"));
    let mut config = RegistryConfig { plain_http: ["registry.invalid".to_owned()].into(), ..config() };
    config.proxy.http = Some(format!("http://{}", proxy.address));
    let client = with(config);
    client.resolve(&reference("registry.invalid/app"), &platform("linux/amd64")).await.unwrap();
    assert_eq!(proxy.log()[0], "GET http://registry.invalid/v2/app/manifests/latest");
    client.resolve(&reference(&local.name("app")), &platform("linux/amd64")).await.unwrap();
    assert_eq!(proxy.log().len(), 2);
}

/// It would be as silent the next time.
#[tokio::test]
async fn a_silent_registry_is_asked_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let silent = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            kept.push(stream);
        }
    });
    let config = RegistryConfig { read_timeout: Duration::from_millis(200), ..config() };
    let client = RegistryClient::new(config, Arc::new(NoAuth));
    let error =
        client.resolve(&reference(&format!("{host}/app:1")), &platform("linux/amd64")).await.unwrap_err();
    assert!(error.to_string().contains("timed out"), "{error}");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    silent.abort();
}
