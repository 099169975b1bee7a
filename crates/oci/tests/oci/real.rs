//! Debian's `docker-registry` on loopback.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kukri_oci::Sha256Digest;

use crate::image::Image;

pub struct Registry {
    child: Child,
    pub host: String,
    _dir: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// Starts one; `None` (with a line on stderr) where it is not installed.
    pub fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n",
            dir.path().join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: needs docker-registry (Debian package docker-registry)");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let registry = Self { child, host, _dir: dir };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.host).is_err() {
            assert!(Instant::now() < deadline, "docker-registry did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    pub fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.host)
    }

    /// A push of its own, so that the client under test is not tested by itself.
    pub async fn add(&self, repository: &str, tag: &str, image: &Image) {
        for blob in &image.blobs {
            let client = reqwest_client();
            let start = client
                .post(format!("http://{}/v2/{repository}/blobs/uploads/", self.host))
                .send()
                .await
                .unwrap();
            assert_eq!(start.status(), 202);
            let location = start.headers()["location"].to_str().unwrap().to_owned();
            let separator = if location.contains('?') { '&' } else { '?' };
            let url = format!("{location}{separator}digest={}", Sha256Digest::of(blob));
            let done = client.put(url).body(blob.clone()).send().await.unwrap();
            assert_eq!(done.status(), 201);
        }
        self.add_manifest(repository, tag, crate::image::OCI_MANIFEST, &image.manifest).await;
    }

    pub async fn add_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", self.host);
        let request = reqwest_client().put(url).header("content-type", media_type).body(bytes.to_owned());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    }
}

fn reqwest_client() -> reqwest::Client {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().use_preconfigured_tls(tls).no_proxy().build().unwrap()
}
