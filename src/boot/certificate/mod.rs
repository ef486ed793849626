//! The certificates that phones, browsers and servers see: the operator's, or one of our own. Read at start and again on reload; a broken one leaves
//! those of before.

mod identity;
mod own;
mod pair;
mod verify;

use self::{
    pair::{Pair, Read},
    verify::Servers,
};
use crate::{
    config::{Config, Verify},
    wire::Security,
};
use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use prometheus::{IntGaugeVec, Opts};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use signaling::{flow::Transport, settings::Listener};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Days before its end at which a certificate is warned of.
const WARN_DAYS: [i64; 3] = [30, 7, 1];

/// How often the ends of certificates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// All certificates, and how TLS is spoken with them.
#[derive(Debug)]
pub(super) struct Keyring {
    listeners: Vec<Listener>,
    security: Arc<ArcSwap<Security>>,
    ends: IntGaugeVec,
    /// Of each certificate its name, its end, and the number of days that was warned of last.
    watched: Mutex<Vec<(String, Timestamp, Option<i64>)>>,
}

/// Whether a transport needs a certificate.
const fn is_secure(transport: Transport) -> bool {
    match transport {
        Transport::Tls | Transport::Wss => true,
        Transport::Udp | Transport::Tcp | Transport::Ws => false,
    }
}

impl Keyring {
    /// The certificates, if a listener needs them.
    ///
    /// # Errors
    /// A certificate, key or authority cannot be read, or one of our own cannot be made.
    pub(super) fn open(config: &Config, listeners: &[Listener]) -> Result<Option<Arc<Self>>> {
        if !listeners.iter().any(|listener| is_secure(listener.transport)) {
            return Ok(None);
        }
        let Ready { security, read } = ready(config, listeners)?;
        let ends = IntGaugeVec::new(
            Opts::new("ironbell_certificate_end_timestamp_seconds", "When a certificate ends, Unix time."),
            &["name"],
        )?;
        let keyring = Self {
            listeners: listeners.to_vec(),
            security: Arc::new(ArcSwap::from_pointee(security)),
            ends,
            watched: Mutex::default(),
        };
        keyring.read(&read);
        Ok(Some(Arc::new(keyring)))
    }

    /// How TLS is spoken from now on; what is behind it changes with each reload.
    pub(super) fn security(&self) -> Arc<ArcSwap<Security>> {
        Arc::clone(&self.security)
    }

    /// The ends of all certificates, as a figure.
    pub(super) fn figure(&self) -> Box<IntGaugeVec> {
        Box::new(self.ends.clone())
    }

    /// Reads the files of a configuration.
    ///
    /// # Errors
    /// There is a fault in one of them.
    pub(super) fn ready(&self, config: &Config) -> Result<Ready> {
        ready(config, &self.listeners)
    }

    /// Speaks by them from now on, on connections made from now on.
    pub(super) fn put_in_force(&self, Ready { security, read }: Ready) {
        self.security.store(Arc::new(security));
        tracing::info!(component = "boot", "the certificates in use are the new ones");
        self.read(&read);
    }

    /// Takes note of what was read.
    fn read(&self, read: &[(PathBuf, Read)]) {
        let mut watched = Vec::new();
        self.ends.reset();
        for (chain, read) in read {
            let name = read.names.first().unwrap_or_else(|| chain.display().to_string());
            tracing::info!(
                component = "boot",
                "the certificate of {name} is {}, good until {}",
                chain.display(),
                read.ends_at
            );
            self.ends.with_label_values(&[&name]).set(read.ends_at.as_second());
            watched.push((name, read.ends_at, None));
        }
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
        self.warn(Timestamp::now());
    }

    /// Warns of each certificate once for each of [`WARN_DAYS`] that has come.
    fn warn(&self, now: Timestamp) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, ends_at, warned) in watched.iter_mut() {
            let Some(days) = due(*ends_at, now) else { continue };
            if warned.is_some_and(|warned| warned <= days) {
                continue;
            }
            *warned = Some(days);
            if days < 0 {
                tracing::error!(
                    component = "boot",
                    "the certificate of {name} has ended at {ends_at}; phones will refuse it"
                );
            } else {
                tracing::warn!(
                    component = "boot",
                    "the certificate of {name} ends at {ends_at}, in less than {days} days; renew it and send SIGHUP"
                );
            }
        }
    }

    /// Watches the ends of certificates for ever.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            every.tick().await;
            self.warn(Timestamp::now());
        }
    }
}

/// The smallest of [`WARN_DAYS`] that has come; -1 after the end.
fn due(ends_at: Timestamp, now: Timestamp) -> Option<i64> {
    let left = ends_at.as_second() - now.as_second();
    if left < 0 {
        return Some(-1);
    }
    WARN_DAYS.into_iter().filter(|days| left < days * 86_400).min()
}

/// What was read, and is not in force yet.
pub(super) struct Ready {
    security: Security,
    read: Vec<(PathBuf, Read)>,
}

/// Reads the certificates of a configuration; one of our own is made where it names none.
fn ready(config: &Config, listeners: &[Listener]) -> Result<Ready> {
    let tls = &config.server.sip.tls;
    // The first is shown to who asks for no name, or for one that no certificate has.
    let first = match (&tls.cert, &tls.key) {
        (Some(chain), Some(key)) => Pair { chain: chain.clone(), key: key.clone() },
        (_, _) => own::own(&config.server.data_dir, &own::names(config, listeners))?,
    };
    let more = tls.certificates.iter().map(|more| Pair { chain: more.cert.clone(), key: more.key.clone() });
    let pairs: Vec<_> = core::iter::once(first).chain(more).collect();
    let (security, read) = load(&pairs, tls.verify, tls.ca.as_deref())?;
    let chains = pairs.into_iter().map(|pair| pair.chain);
    Ok(Ready { security, read: chains.zip(read).collect() })
}

/// Reads everything and makes of it how TLS is spoken.
fn load(pairs: &[Pair], verify: Verify, authorities: Option<&Path>) -> Result<(Security, Vec<Read>)> {
    let read = pairs.iter().map(Pair::read).collect::<Result<Vec<_>>>()?;
    let shown = read.iter().map(|read| (read.names.clone(), Arc::clone(&read.certified))).collect();
    let shown: Arc<dyn ResolvesServerCert> = Arc::new(Shown(shown));
    let provider = Arc::new(default_provider());
    let roots = roots(authorities)?;

    let server = || ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let phones = match verify {
        Verify::Off => server()?.with_no_client_auth(),
        Verify::Optional | Verify::Required => {
            let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider));
            let judge = if verify == Verify::Optional { judge.allow_unauthenticated() } else { judge };
            server()?.with_client_cert_verifier(judge.build().context("server.sip.tls.ca names no authority")?)
        }
    };
    let phones = phones.with_cert_resolver(Arc::clone(&shown));
    let mut browsers = server()?.with_no_client_auth().with_cert_resolver(shown);
    // RFC 6455 is a matter of HTTP/1.1.
    browsers.alpn_protocols = vec![b"http/1.1".to_vec()];

    let servers = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Servers { roots, provider }));
    let servers = match read.first() {
        // RFC 5922 section 5: a server that asks for our certificate is shown the first one.
        Some(own) => servers.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own.certified)))),
        None => servers.with_no_client_auth(),
    };
    let security = Security { phones: Arc::new(phones), browsers: Arc::new(browsers), servers: Arc::new(servers) };
    Ok((security, read))
}

/// The authorities that are trusted: those of the file, or the system's.
fn roots(file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let unreadable = || format!("the authorities {} cannot be read", file.display());
            for authority in CertificateDer::pem_file_iter(file).with_context(unreadable)? {
                roots.add(authority.with_context(unreadable)?).with_context(unreadable)?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            for fault in &system.errors {
                tracing::warn!(component = "boot", "an authority of the system cannot be read: {fault}");
            }
            roots.add_parsable_certificates(system.certs);
        }
    }
    Ok(roots)
}

/// Which certificate is shown to whom.
#[derive(Debug)]
struct Shown(Vec<(identity::Identities, Arc<CertifiedKey>)>);

impl ResolvesServerCert for Shown {
    /// RFC 6066 section 3. A name that none has gets the first: whoever asked judges it.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name();
        let theirs = self.0.iter().find(|(names, _)| asked.is_some_and(|name| names.covers(name)));
        theirs.or_else(|| self.0.first()).map(|(_, certified)| Arc::clone(certified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_once_for_each_number_of_days() {
        let end = Timestamp::from_second(2_000_000_000).unwrap();
        let before = |seconds: i64| due(end, Timestamp::from_second(2_000_000_000 - seconds).unwrap());
        for (seconds, days) in [
            (31 * 86_400, None),
            (30 * 86_400, None),
            (30 * 86_400 - 1, Some(30)),
            (7 * 86_400, Some(30)),
            (7 * 86_400 - 1, Some(7)),
            (86_400 - 1, Some(1)),
            (0, Some(1)),
            (-1, Some(-1)),
        ] {
            assert_eq!(before(seconds), days, "{seconds}");
        }
    }
}
