//! The certificate that browsers see: the operator's, or one of our own, made at the first start and kept in the data directory.

use crate::config::{Config, local_address};
use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use signaling::{flow::Transport, settings::Listener};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where our own certificate is, below the data directory.
const DIRECTORY: &str = "tls";

/// How long our own certificate is good. Whoever trusts it does so by hand, and should not have to again every few months.
const GOOD_FOR_DAYS: i64 = 3_650;

/// The certificate as it is served now, and where it is read from.
#[derive(Debug)]
pub(super) struct WebCertificate {
    chain: PathBuf,
    key: PathBuf,
    served: ArcSwap<CertifiedKey>,
}

impl WebCertificate {
    /// The certificate, if a listener needs it.
    ///
    /// # Errors
    /// The certificate or the key cannot be read, do not fit together, or cannot be made.
    pub(super) fn open(config: &Config, listeners: &[Listener]) -> Result<Option<Arc<Self>>> {
        if !listeners.iter().any(|listener| listener.transport == Transport::Wss) {
            return Ok(None);
        }
        let tls = &config.server.sip.tls;
        let (chain, key) = match (&tls.cert, &tls.key) {
            (Some(chain), Some(key)) => (chain.clone(), key.clone()),
            (_, _) => own(&config.server.data_dir, &names(config, listeners))?,
        };
        let served = read(&chain, &key)?;
        tracing::info!(component = "boot", "the certificate of wss:// is {}", chain.display());
        Ok(Some(Arc::new(Self { chain, key, served: ArcSwap::from_pointee(served) })))
    }

    /// How TLS is spoken with it.
    ///
    /// # Errors
    /// The versions of TLS are not to be had.
    pub(super) fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>> {
        let mut server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        // RFC 6455 is a matter of HTTP/1.1.
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }

    /// Reads the files again, for connections made from now on. With a fault in them the one of before stays.
    pub(super) fn reload(&self) {
        match read(&self.chain, &self.key) {
            Ok(read) => {
                self.served.store(Arc::new(read));
                tracing::info!(component = "boot", "the certificate {} is read again", self.chain.display());
            }
            Err(fault) => tracing::error!(component = "boot", "the certificate of before stays: {fault:#}"),
        }
    }
}

impl ResolvesServerCert for WebCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served.load_full())
    }
}

fn read(chain: &Path, key: &Path) -> Result<CertifiedKey> {
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("the certificate {} cannot be read", chain.display()))?;
    let secret =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("the key {} cannot be read", key.display()))?;
    CertifiedKey::from_der(certificates, secret, &default_provider())
        .with_context(|| format!("{} and {} cannot be used together", chain.display(), key.display()))
}

/// By what names and addresses browsers reach us.
fn names(config: &Config, listeners: &[Listener]) -> BTreeSet<String> {
    let sip = &config.server.sip;
    let secure = listeners.iter().filter(|listener| listener.transport == Transport::Wss);
    let addresses = secure.map(|listener| local_address(listener.bound.ip()));
    let mut names: BTreeSet<String> = addresses.clone().map(|address| address.to_string()).collect();
    if addresses.clone().any(|address| address.is_loopback()) {
        names.insert("localhost".to_owned());
    }
    names.extend([config.server.domain.clone()]);
    names.extend(sip.advertise.clone());
    names
}

/// The files of our own certificate and its key; made when they are not there.
fn own(data_dir: &Path, names: &BTreeSet<String>) -> Result<(PathBuf, PathBuf)> {
    let directory = data_dir.join(DIRECTORY);
    let (chain, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    if chain.exists() && key.exists() {
        return Ok((chain, key));
    }
    let (certificate, secret) = make(names)?;
    let written = fs::create_dir_all(&directory)
        .and_then(|()| write(&key, secret.as_bytes(), 0o600))
        .and_then(|()| write(&chain, certificate.as_bytes(), 0o644));
    written.with_context(|| format!("no certificate can be kept in {}", directory.display()))?;
    Ok((chain, key))
}

/// A self-signed certificate and its key, both as PEM.
fn make(names: &BTreeSet<String>) -> Result<(String, zeroize::Zeroizing<String>)> {
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Ironbell");
    let day = |days: i64| {
        let at = (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_zoned(TimeZone::UTC);
        date_time_ymd(at.year().into(), at.month().unsigned_abs(), at.day().unsigned_abs())
    };
    // From yesterday: clocks differ.
    (params.not_before, params.not_after) = (day(-1), day(GOOD_FOR_DAYS));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem().into()))
}

/// Writes a file that was not there, with these rights from its first byte on.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn our_own_certificate_is_made_once_and_its_key_is_for_us_alone() {
        let home = tempfile::tempdir().unwrap();
        let names = BTreeSet::from(["pbx.test".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]);
        let (chain, key) = own(home.path(), &names).unwrap();
        let first = fs::read(&chain).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read(&chain, &key).is_ok());
        assert_eq!(own(home.path(), &names).unwrap(), (chain.clone(), key));
        assert_eq!(fs::read(&chain).unwrap(), first);
    }

    #[test]
    fn a_certificate_and_the_key_of_another_are_not_taken() {
        let home = tempfile::tempdir().unwrap();
        let names = BTreeSet::from(["pbx.test".to_owned()]);
        let (one, _) = own(&home.path().join("one"), &names).unwrap();
        let (_, two) = own(&home.path().join("two"), &names).unwrap();
        let fault = format!("{:#}", read(&one, &two).unwrap_err());
        assert!(fault.contains("cannot be used together"), "{fault}");
        let fault = format!("{:#}", read(&home.path().join("none"), &two).unwrap_err());
        assert!(fault.contains("cannot be read"), "{fault}");
    }
}
