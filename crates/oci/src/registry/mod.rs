//! The registry client: where images come from and go to.

mod auth;
mod blob;
mod challenge;
mod client;
mod config;
mod endpoint;
mod error;
mod request;
mod resolve;
mod token;
mod transport;
mod upload;

pub use auth::{AuthProvider, BoxFuture, Credentials, NoAuth, StaticAuth};
pub use blob::BlobDownload;
pub use client::RegistryClient;
pub use config::{ProxyConfig, RegistryConfig};
pub use error::{RegistryError, ResolveError};
pub use resolve::Resolved;
pub(crate) use upload::Payload;
