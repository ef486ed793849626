//! A certificate with its chain and its key, as files.

use super::identity::Identities;
use anyhow::{Context as _, Result};
use jiff::Timestamp;
use rustls::{
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use std::{path::PathBuf, sync::Arc};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Where both are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pair {
    /// The certificate and those that lead to its authority, PEM.
    pub(super) chain: PathBuf,
    /// Its key, PEM.
    pub(super) key: PathBuf,
}

/// Both as read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// What is shown.
    pub(super) certified: Arc<CertifiedKey>,
    /// Whom it is for.
    pub(super) names: Identities,
    /// When it ends.
    pub(super) ends_at: Timestamp,
}

impl Pair {
    /// Reads both.
    ///
    /// # Errors
    /// They cannot be read, or do not fit together.
    pub(super) fn read(&self) -> Result<Read> {
        let Self { chain, key } = self;
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("the certificate {} cannot be read", chain.display()))?;
        let secret =
            PrivateKeyDer::from_pem_file(key).with_context(|| format!("the key {} cannot be read", key.display()))?;
        let first = certificates.first().with_context(|| format!("{} holds no certificate", chain.display()))?;
        let (names, ends_at) = X509Certificate::from_der(first)
            .map_err(anyhow::Error::from)
            .and_then(|(_, certificate)| {
                let ends_at = Timestamp::from_second(certificate.validity().not_after.timestamp())?;
                Ok((Identities::of(&certificate), ends_at))
            })
            .with_context(|| format!("the certificate {} cannot be read", chain.display()))?;
        let certified = CertifiedKey::from_der(certificates, secret, &default_provider())
            .with_context(|| format!("{} and {} cannot be used together", chain.display(), key.display()))?;
        Ok(Read { certified: Arc::new(certified), names, ends_at })
    }
}
