//! A certificate of our own for who has none yet: signed by itself, made at the first start and kept in the data directory.

use crate::config::{Config, local_address};
use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use signaling::settings::Listener;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::{is_secure, pair::Pair};

/// Where it is, below the data directory.
const DIRECTORY: &str = "tls";

/// How long it is good. Whoever trusts it does so by hand, and should not have to again every few months.
const GOOD_FOR_DAYS: i64 = 3_650;

/// By what names and addresses we are reached.
pub(super) fn names(config: &Config, listeners: &[Listener]) -> BTreeSet<String> {
    let sip = &config.server.sip;
    let secure = listeners.iter().filter(|listener| is_secure(listener.transport));
    let addresses = secure.map(|listener| local_address(listener.bound.ip()));
    let mut names: BTreeSet<String> = addresses.clone().map(|address| address.to_string()).collect();
    if addresses.clone().any(|address| address.is_loopback()) {
        names.insert("localhost".to_owned());
    }
    names.extend([config.server.domain.clone()]);
    names.extend(sip.advertise.clone());
    names
}

/// The files of it and its key; made when they are not there.
///
/// # Errors
/// It cannot be made or kept.
pub(super) fn own(data_dir: &Path, names: &BTreeSet<String>) -> Result<Pair> {
    let directory = data_dir.join(DIRECTORY);
    let Pair { chain, key } = Pair { chain: directory.join("certificate.pem"), key: directory.join("key.pem") };
    if chain.exists() && key.exists() {
        return Ok(Pair { chain, key });
    }
    let (certificate, secret) = make(names)?;
    let written = fs::create_dir_all(&directory)
        .and_then(|()| write(&key, secret.as_bytes(), 0o600))
        .and_then(|()| write(&chain, certificate.as_bytes(), 0o644));
    written.with_context(|| format!("no certificate can be kept in {}", directory.display()))?;
    Ok(Pair { chain, key })
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
        let pair = own(home.path(), &names).unwrap();
        let first = fs::read(&pair.chain).unwrap();
        assert_eq!(fs::metadata(&pair.key).unwrap().permissions().mode() & 0o777, 0o600);
        let read = pair.read().unwrap();
        assert!(names.iter().all(|name| read.names.covers(name)), "{:?}", read.names);
        assert_eq!(own(home.path(), &names).unwrap(), pair);
        assert_eq!(fs::read(&pair.chain).unwrap(), first);
    }

    #[test]
    fn a_certificate_and_the_key_of_another_are_not_taken() {
        let home = tempfile::tempdir().unwrap();
        let names = BTreeSet::from(["pbx.test".to_owned()]);
        let one = own(&home.path().join("one"), &names).unwrap();
        let two = own(&home.path().join("two"), &names).unwrap();
        let mixed = Pair { chain: one.chain, key: two.key.clone() };
        let fault = format!("{:#}", mixed.read().unwrap_err());
        assert!(fault.contains("cannot be used together"), "{fault}");
        let none = Pair { chain: home.path().join("none"), key: two.key };
        let fault = format!("{:#}", none.read().unwrap_err());
        assert!(fault.contains("cannot be read"), "{fault}");
    }
}
