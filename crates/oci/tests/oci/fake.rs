//! A registry in this process, which misbehaves as it is told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kukri_oci::Sha256Digest;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::image::Image;

type Body = BoxBody<Bytes, std::io::Error>;

/// What it serves and how.
#[derive(Default)]
pub struct State {
    /// Path and query -> media type and body.
    pub manifests: HashMap<String, (String, Vec<u8>)>,
    pub blobs: HashMap<String, Vec<u8>>,
    /// `METHOD path` of all requests, with the range if there was one.
    pub log: Vec<String>,
    /// So many of the next requests get a 503.
    pub unavailable: usize,
    /// So many of the next blobs break off in the middle.
    pub break_blobs: usize,
    /// Ignore ranges, and send everything again.
    pub no_ranges: bool,
    /// Wanted in `Authorization`.
    pub wanted: Option<String>,
    /// Sent with 401.
    pub challenge: String,
    /// The token server: `Authorization` that it wants -> token.
    pub token: Option<(String, String)>,
    /// Blobs stop in the middle, and nothing more comes.
    pub stall: bool,
    /// Blobs lie on another server: redirects go there.
    pub redirect: Option<String>,
}

#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
}

impl Fake {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Speaks TLS, with a certificate for `localhost`, `registry.test` and 127.0.0.1 by `tls/authority.pem`.
    pub async fn start_tls() -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::start_with(Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&fake.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, tls) = (Arc::clone(&state), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, state).await,
                        // Clients that do not trust us hang up.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, state).await;
                            }
                        }
                    }
                });
            }
        });
        fake
    }

    pub fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }

    pub fn add(&self, repository: &str, tag: &str, image: &Image) {
        self.add_manifest(repository, tag, crate::image::OCI_MANIFEST, &image.manifest);
        let mut state = self.state.lock().unwrap();
        for blob in &image.blobs {
            state.blobs.insert(Sha256Digest::of(blob).to_string(), blob.clone());
        }
    }

    pub fn add_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        for target in [tag, &Sha256Digest::of(bytes).to_string()] {
            let path = format!("/v2/{repository}/manifests/{target}");
            state.manifests.insert(path, (media_type.to_owned(), bytes.to_owned()));
        }
    }

    pub fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, &state).await) }
    });
    // Connections that a test breaks on purpose end with an error.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn full(status: StatusCode, bytes: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(bytes.into()).map_err(|never| match never {}).boxed();
    Response::builder().status(status).body(body).unwrap()
}

async fn answer(request: Request<Incoming>, state: &Mutex<State>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (authorization, range) = (header("authorization"), header("range"));
    let head = format!("{} {}", request.method(), request.uri());
    let method = request.method().clone();
    let form = request.into_body().collect().await.unwrap().to_bytes();
    let mut state = state.lock().unwrap();
    state.log.push(match &range {
        Some(range) => format!("{head} {range}"),
        None => head,
    });
    if state.unavailable > 0 {
        state.unavailable -= 1;
        return full(StatusCode::SERVICE_UNAVAILABLE, "busy");
    }
    if path == "/token" {
        let given =
            if method == Method::POST { String::from_utf8(form.to_vec()).ok() } else { authorization };
        return match &state.token {
            Some((wanted, token)) if given.as_deref().unwrap_or_default().contains(wanted) => {
                full(StatusCode::OK, format!(r#"{{"token":"{token}","expires_in":300}}"#))
            }
            _ => {
                full(StatusCode::UNAUTHORIZED, r#"{"errors":[{"code":"DENIED","message":"wrong password"}]}"#)
            }
        };
    }
    if let Some(wanted) = &state.wanted
        && authorization.as_ref() != Some(wanted)
    {
        let mut response = full(
            StatusCode::UNAUTHORIZED,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        );
        response.headers_mut().insert("www-authenticate", state.challenge.parse().unwrap());
        return response;
    }
    if let Some((media_type, bytes)) = state.manifests.get(&path) {
        let mut response = full(StatusCode::OK, bytes.clone());
        response.headers_mut().insert("content-type", media_type.parse().unwrap());
        return response;
    }
    let Some(blob) = path.split_once("/blobs/").and_then(|(_, digest)| state.blobs.get(digest).cloned())
    else {
        return full(
            StatusCode::NOT_FOUND,
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
        );
    };
    if let Some(target) = &state.redirect {
        let mut response = full(StatusCode::TEMPORARY_REDIRECT, "");
        response.headers_mut().insert("location", format!("{target}{path}").parse().unwrap());
        return response;
    }
    let start = match range.filter(|_| !state.no_ranges) {
        Some(range) => range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap(),
        None => 0,
    };
    let rest = Bytes::from(blob[start..].to_vec());
    let mut response = if state.break_blobs > 0 || state.stall {
        state.break_blobs = state.break_blobs.saturating_sub(1);
        let part = rest.slice(..rest.len() / 2);
        let stall = state.stall;
        let frames = stream::unfold(Some(part), move |part| async move {
            if let Some(part) = part {
                return Some((Ok(Frame::data(part)), None));
            }
            if stall {
                std::future::pending::<()>().await;
            }
            // Lets the server flush the first half.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Some((Err(std::io::Error::other("broken on purpose")), None))
        });
        Response::new(BodyExt::boxed(StreamBody::new(frames)))
    } else {
        full(StatusCode::OK, rest.clone())
    };
    response.headers_mut().insert("content-length", rest.len().to_string().parse().unwrap());
    if start > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
        response.headers_mut().insert("content-range", range.parse().unwrap());
    }
    response
}
