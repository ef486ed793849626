//! The configuration: one YAML file in, a checked value out, or every fault by line and column.
//!
//! A [`Config`] exists only when the whole file is right. It deliberately does not know what is done with it: [`Config::signaling`] makes the
//! value signaling reads, the rest is read by the part of the shell it concerns. Relative paths begin at the working directory, those of data at
//! `server.data_dir`.

mod check;
mod dev;
mod dial;
mod diff;
mod extension;
mod fault;
mod feature;
mod fixed;
mod password;
mod queue;
mod reader;
mod reload;
mod security;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod trace;
mod trunk;
mod value;
mod yaml;

pub use dev::{DEV_FILE, DevSecrets, dev};
pub use dial::{Context, Did, Numbering, Right, Route, Schedule, When, Which};
pub use diff::{Change, diff};
pub use extension::{
    CallerId, CodecName, DtmfMode, Encryption, Extension, FollowMe, Forward, ForwardRule, NatMode, Permissions,
    Visibility, Voicemail,
};
pub use fault::{Fault, Position};
pub use feature::{
    Conferences, FeatureCodes, Features, GroupStrategy, Messages, Paging, Parking, Presence, Recording,
    RecordingChannels, RecordingFormat, RingGroup, VoicemailSystem, Zone,
};
pub use fixed::Taken;
pub use queue::{AutoAttendant, Mail, Member, MenuOption, Music, Order, Queue, Strategy};
pub use reload::Reload;
pub use security::{RateLimits, Security};
pub use server::{
    Api, ApiKey, Certificate, Cors, DigestName, Dns, Level, LogFormat, Logging, Offload, Registration, Role, Rtp,
    Server, Sip, StoreUrl, Tls, Verify,
};
pub use settings::local_address;
pub use trace::{Hep, Trace};
pub use trunk::{Deed, EarlyMedia, HeaderRule, IdentityForm, PlusForm, StatusRule, Trunk, Way};
pub(crate) use value::parse_duration;
pub use value::{Amount, Listen, MASK, Range, Rate, Scheme};

use reader::{Environment, Reader, Section};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, path::Path};

/// A whole configuration, checked.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "each is the section of its name in config/ironbell.yml, where it is explained")]
pub struct Config {
    pub server: Server,
    pub api: Api,
    pub store: StoreUrl,
    pub logging: Logging,
    pub extensions: Vec<Extension>,
    pub numbering: Numbering,
    pub trunks: Vec<Trunk>,
    pub dids: Vec<Did>,
    pub routes: Vec<Route>,
    pub contexts: Vec<Context>,
    pub features: Features,
    pub queues: Vec<Queue>,
    pub auto_attendant: AutoAttendant,
    pub music_on_hold: Vec<Music>,
    pub mail: Mail,
    pub security: Security,
    /// What is legal and unwise.
    #[serde(skip)]
    pub warnings: Vec<Fault>,
    /// SHA-256 of the file in hexadecimal, for the audit.
    #[serde(skip)]
    pub hash: String,
    /// The file as it was named.
    #[serde(skip)]
    pub file: String,
    #[serde(skip)]
    places: BTreeMap<String, Position>,
    #[serde(skip)]
    not_active: Vec<&'static str>,
}

/// Reads and checks a file for this machine: with secrets from the process's environment where the file says so, and with a look at the files it names.
///
/// # Errors
///
/// Every fault of the file, in its order.
pub fn load(path: &Path) -> Result<Config, Vec<Fault>> {
    let text = read(path)?;
    parse_here(&path.display().to_string(), &text)
}

/// As [`load`] for a file of another machine: the files it names, but those of secrets, are not looked for.
///
/// # Errors
///
/// Every fault of the file, in its order.
pub fn load_elsewhere(path: &Path) -> Result<Config, Vec<Fault>> {
    let text = read(path)?;
    parse(&path.display().to_string(), &text, &|name| std::env::var(name).ok())
}

/// The text of a file.
///
/// # Errors
///
/// It cannot be read, is too large, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, Vec<Fault>> {
    let file = path.display().to_string();
    let unreadable = |what: String| {
        let instead = "a YAML file of at most 16 MiB in UTF-8".to_owned();
        vec![Fault { file: file.clone(), at: Position::START, what, instead }]
    };
    let length = fs::metadata(path).map_err(|error| unreadable(format!("the file cannot be read: {error}")))?.len();
    if length > yaml::FILE_BYTES_MAX {
        return Err(unreadable(format!("the file has {length} bytes")));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(format!("the file cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| unreadable("the file is not UTF-8".to_owned()))
}

/// Checks the text of a file of this machine, named `file` in messages, as [`load`] does.
///
/// # Errors
///
/// Every fault of the text, in its order.
pub fn parse_here(file: &str, text: &str) -> Result<Config, Vec<Fault>> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut r = Reader::new(file, &environment);
    r.is_here = true;
    checked(r, text)
}

/// Checks the text of a file named `file` in messages; `environment` answers `env:` secrets. Files that it names are not looked for.
///
/// # Errors
///
/// Every fault of the text, in its order.
pub fn parse(file: &str, text: &str, environment: Environment<'_>) -> Result<Config, Vec<Fault>> {
    checked(Reader::new(file, environment), text)
}

fn checked(mut r: Reader<'_>, text: &str) -> Result<Config, Vec<Fault>> {
    let file = r.file().to_owned();
    let mut complaints = Vec::new();
    let root = yaml::read(text.trim_start_matches('\u{feff}'), &mut complaints);
    for complaint in complaints {
        r.fault(complaint.at, complaint.what, complaint.instead);
    }
    let config = root.as_ref().and_then(|root| {
        let mut section = Section::of(&mut r, root)?;
        let config = Config::read(&mut r, &mut section);
        section.finish(&mut r);
        Some(config)
    });
    let (warnings, not_active) = r.finish()?;
    let Some(config) = config else {
        // Whatever kept the tree from being read has been told; this is for what nobody thought of.
        let (what, instead) = ("no configuration can be read here", "a file that begins with `extensions:`");
        return Err(vec![Fault { file, at: Position::START, what: what.to_owned(), instead: instead.to_owned() }]);
    };
    let hash = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Config { warnings, not_active, hash, ..config })
}

impl Config {
    /// What the file sets and this version does not act on, each once.
    #[must_use]
    pub fn not_active(&self) -> Vec<&str> {
        self.not_active.clone()
    }

    /// A fault of what the file says at `path`, as [`Config::flat`] has it, found by somebody who put it into use.
    #[must_use]
    pub fn fault(&self, path: &str, what: impl Into<String>, instead: impl Into<String>) -> Fault {
        let at = self.places.get(path).copied().unwrap_or(Position::START);
        Fault { file: self.file.clone(), at, what: what.into(), instead: instead.into() }
    }

    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        for section in ["queues", "auto_attendant", "music_on_hold", "mail"] {
            s.mark_not_active(r, section, section);
        }
        let mut config = Self {
            server: s.section(r, "server", Server::read),
            api: s.section(r, "api", Api::read),
            store: s.section(r, "store", StoreUrl::read),
            logging: s.section(r, "logging", Logging::read),
            extensions: s.required(r, "extensions", "at least `extensions: []`", extension::read).unwrap_or_default(),
            trunks: s.get(r, "trunks", Vec::new(), trunk::trunks),
            numbering: s.section(r, "numbering", dial::numbering),
            dids: s.get(r, "dids", Vec::new(), dial::dids),
            routes: s.get(r, "routes", Vec::new(), dial::routes),
            contexts: s.get(r, "contexts", Vec::new(), dial::contexts),
            features: s.section(r, "features", Features::read),
            queues: s.get(r, "queues", Vec::new(), queue::queues),
            auto_attendant: s.section(r, "auto_attendant", AutoAttendant::read),
            music_on_hold: s.get(r, "music_on_hold", Vec::new(), queue::music),
            mail: s.section(r, "mail", Mail::read),
            security: s.section(r, "security", Security::read),
            warnings: Vec::new(),
            hash: String::new(),
            file: r.file().to_owned(),
            places: BTreeMap::new(),
            not_active: Vec::new(),
        };
        // Numbers with one owner are found by it.
        config.places.clone_from(&r.places);
        config.places.extend(r.owners.iter().map(|(number, (_, at))| (format!("number {number}"), *at)));
        dial::check(r, &config);
        trunk::check(r, &config);
        check::check(r, &config);
        config
    }
}
