//! The configuration: one YAML file in, a checked value out, or every fault by line and column.
//!
//! A [`Config`] exists only when the whole file is right. It deliberately does not know what is done with it: [`Config::signaling`] makes the
//! value signaling reads, the rest is read by the part of the shell it concerns. Relative paths begin at the working directory, those of data at
//! `server.data_dir`.

mod dev;
mod dial;
mod diff;
mod extension;
mod fault;
mod feature;
mod password;
mod queue;
mod reader;
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
pub use queue::{AutoAttendant, Mail, Member, MenuOption, Music, Order, Queue, RateLimits, Security, Strategy};
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

/// Reads and checks a file, with secrets from the process's environment where the file says so.
///
/// # Errors
///
/// Every fault of the file, in its order.
pub fn load(path: &Path) -> Result<Config, Vec<Fault>> {
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
    let text = String::from_utf8(bytes).map_err(|_| unreadable("the file is not UTF-8".to_owned()))?;
    parse(&file, &text, &|name| std::env::var(name).ok())
}

/// Checks the text of a file named `file` in messages; `environment` answers `env:` secrets.
///
/// # Errors
///
/// Every fault of the text, in its order.
pub fn parse(file: &str, text: &str, environment: Environment<'_>) -> Result<Config, Vec<Fault>> {
    let mut r = Reader::new(file, environment);
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
        return Err(vec![Fault {
            file: file.to_owned(),
            at: Position::START,
            what: what.to_owned(),
            instead: instead.to_owned(),
        }]);
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

    fn read(r: &mut Reader<'_>, s: &mut Section<'_>) -> Self {
        for section in ["queues", "auto_attendant", "music_on_hold", "mail", "security"] {
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
        check_ranges(r);
        check_ports(r, s, &config);
        config
    }
}

/// A number inside a range of another owner wins over the range; that is legal and rarely meant.
fn check_ranges(r: &mut Reader<'_>) {
    let inside: Vec<_> = r
        .owners
        .iter()
        .filter_map(|(number, (owner, at))| {
            let value: u32 = number.parse().ok()?;
            let (first, last, other) = r.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&value))?;
            let what = format!("{number}, the number of {owner}, lies in the range {first}-{last} of {other}");
            Some((*at, what))
        })
        .collect();
    for (at, what) in inside {
        r.warn(at, what, "a number outside the range, unless it shall win over it");
    }
}

/// Two listeners of one process on one port could never both open.
fn check_ports(r: &mut Reader<'_>, s: &mut Section<'_>, config: &Config) {
    let at = s.node("server").map_or(s.at, |node| node.at);
    let ports = config.server.rtp.ports;
    for listen in &config.server.sip.listen {
        let port = u32::from(listen.address.port());
        let same_address = listen.address.ip() == config.server.rtp.bind
            || listen.address.ip().is_unspecified()
            || config.server.rtp.bind.is_unspecified();
        if listen.scheme == Scheme::Udp && same_address && (ports.first..=ports.last).contains(&port) {
            r.fault(at, format!("the listener {listen} lies within the RTP ports"), "a port outside server.rtp.ports");
        }
    }
    let streams = config.server.sip.listen.iter().filter(|listen| listen.scheme != Scheme::Udp);
    if streams.clone().any(|listen| listen.address == config.api.listen && listen.address.port() != 0) {
        r.fault(at, format!("{} is both a SIP listener and api.listen", config.api.listen), "a port each");
    }
}
