//! HTTP connections: one client for plain HTTP, one with certificates checked, one without.

use std::sync::{Arc, OnceLock};

use reqwest::{Client, NoProxy, Proxy};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::config::RegistryConfig;
use super::error::RegistryError;

/// How a host is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Security {
    /// `http://`
    Plain,
    /// `https://`
    Checked,
    /// `https://` without looking at the certificate.
    Unchecked,
}

impl Security {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Checked | Self::Unchecked => "https",
        }
    }
}

type MakeTls = fn(&RegistryConfig) -> Result<ClientConfig, String>;
type MakeProxy = fn(&str) -> reqwest::Result<Proxy>;

/// Makes the clients when they are first needed: reading the system's certificates takes milliseconds.
pub(super) struct Transport {
    config: RegistryConfig,
    checked: OnceLock<Result<Client, String>>,
    plain: OnceLock<Result<Client, String>>,
    unchecked: OnceLock<Result<Client, String>>,
}

impl Transport {
    pub(super) fn new(config: RegistryConfig) -> Self {
        Self { config, checked: OnceLock::new(), plain: OnceLock::new(), unchecked: OnceLock::new() }
    }

    pub(super) const fn config(&self) -> &RegistryConfig {
        &self.config
    }

    pub(super) fn client(&self, security: Security) -> Result<&Client, RegistryError> {
        let (cell, make): (_, MakeTls) = match security {
            Security::Plain => (&self.plain, plain_tls),
            Security::Checked => (&self.checked, checked_tls),
            Security::Unchecked => (&self.unchecked, unchecked_tls),
        };
        cell.get_or_init(|| make(&self.config).and_then(|tls| build(&self.config, tls)))
            .as_ref()
            .map_err(|reason| RegistryError::Config(reason.clone()))
    }
}

fn build(config: &RegistryConfig, tls: ClientConfig) -> Result<Client, String> {
    let mut builder = Client::builder()
        .use_preconfigured_tls(tls)
        .user_agent(&config.user_agent)
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        // Followed by us: the target may need another client.
        .redirect(reqwest::redirect::Policy::none())
        // The environment is not ours to read; proxies come from the settings.
        .no_proxy();
    let direct =
        format!("localhost,127.0.0.0/8,::1,{}", config.proxy.no_proxy.as_deref().unwrap_or_default());
    let make: [(_, MakeProxy); 2] =
        [(&config.proxy.http, |url| Proxy::http(url)), (&config.proxy.https, |url| Proxy::https(url))];
    for (url, make) in make {
        if let Some(url) = url {
            let proxy = make(url).map_err(|error| format!("proxy {url:?}: {error}"))?;
            builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct)));
        }
    }
    for (host, address) in &config.addresses {
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        builder = builder.resolve(name, *address);
    }
    builder.build().map_err(|error| error.to_string())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, String> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn checked_tls(config: &RegistryConfig) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    add_bundles(&mut roots, config)?;
    if roots.is_empty() {
        let reason = native.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!(
            "no certificate authorities found on this system{reason}; install the package ca-certificates or name a bundle"
        ));
    }
    tls(roots)
}

/// Never used, but the HTTP library wants a TLS configuration in any case.
fn plain_tls(_: &RegistryConfig) -> Result<ClientConfig, String> {
    tls(RootCertStore::empty())
}

fn unchecked_tls(_: &RegistryConfig) -> Result<ClientConfig, String> {
    let provider = provider();
    Ok(ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        .with_no_client_auth())
}

fn add_bundles(roots: &mut RootCertStore, config: &RegistryConfig) -> Result<(), String> {
    for path in &config.ca_bundles {
        let problem =
            |reason: &dyn std::fmt::Display| format!("certificate bundle {}: {reason}", path.display());
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| problem(&error))?;
        if certificates.is_empty() {
            return Err(problem(&"it has no certificate"));
        }
        roots.add_parsable_certificates(certificates);
    }
    Ok(())
}

/// Takes any certificate, as the user asked for by naming the host insecure.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_every_kind_can_be_made() {
        let transport = Transport::new(RegistryConfig::default());
        for security in [Security::Plain, Security::Unchecked] {
            assert!(transport.client(security).is_ok());
        }
    }

    #[test]
    fn a_bad_bundle_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = RegistryConfig { ca_bundles: vec![file.path().to_owned()], ..Default::default() };
        let error = Transport::new(config).client(Security::Checked).unwrap_err().to_string();
        assert!(error.contains(&file.path().display().to_string()), "{error}");
    }
}
