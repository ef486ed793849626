//! The configuration as signaling reads it: a value, complete, already checked by the shell.

use crate::flow::Transport;
use contract::{Codec, Fingerprint, NodeId};
use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A secret that never shows itself in logs or errors and is wiped when dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Everything a `Pbx` is told about itself. Replaced as a whole by [`crate::input::Input::Configured`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Part of every id.
    pub node: NodeId,
    /// SIP domain and digest realm.
    pub domain: String,
    /// Our listening addresses; a [`crate::flow::ListenerId`] is an index here.
    pub listeners: Vec<Listener>,
    /// Media.
    pub media: MediaSettings,
    /// The certificate of the media plane, as descriptions name it; `None`: no media is protected by a handshake.
    pub media_fingerprint: Option<Fingerprint>,
    /// Registration expiry limits.
    pub registration: RegistrationSettings,
    /// Digest algorithms offered and accepted, in the order of the challenges; at least one.
    pub digest: Vec<DigestAlgorithm>,
    /// Calls.
    pub calls: CallSettings,
    /// Recording.
    pub recording: RecordingSettings,
    /// Accounts.
    pub directory: Directory,
    /// Feature codes that exist in this version.
    pub codes: Codes,
}

/// One listening address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Protocol.
    pub transport: Transport,
    /// The bound address; never the wildcard port.
    pub bound: SocketAddr,
    /// Host (IP or name) and port written into Via and Contact.
    pub advertised: (String, u16),
}

/// What signaling knows of the media plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaSettings {
    /// How many shards there are, at least one.
    pub shards: u16,
    /// The address written into SDP for IPv4 legs.
    pub advertised_v4: Option<IpAddr>,
    /// The address written into SDP for IPv6 legs.
    pub advertised_v6: Option<IpAddr>,
    /// No packet either way for this long ends the call.
    pub silence_timeout: Duration,
    /// The media plane makes sound: it turns the codecs of [`TRANSCODED`] into one another, so that parties need share none of them, keys into events
    /// and tones, and plays music to who is on hold.
    pub transcode: bool,
    /// It makes G.729 too, by a library of the system.
    pub g729: bool,
}

/// What the media plane turns into one another on every machine when it transcodes at all.
pub const TRANSCODED: [Codec; 5] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus, Codec::L16];

/// Registration expiry limits, RFC 3261 section 10.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RegistrationSettings {
    /// Shorter is answered 423 with Min-Expires.
    pub expires_min: Duration,
    /// Longer is granted this.
    pub expires_max: Duration,
    /// Granted when the phone names none.
    pub expires_default: Duration,
}

/// A digest algorithm, RFC 7616 section 3.3.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DigestAlgorithm {
    /// `MD5`; the default of the protocol when none is named.
    Md5,
    /// `SHA-256`.
    Sha256,
}

/// Limits of calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallSettings {
    /// An answered call ends after this.
    pub length_max: Duration,
    /// An unanswered call ends after this when the callee's account does not say otherwise.
    pub ring_max: Duration,
    /// Calls at once on this exchange; the next is answered 503.
    pub calls_max: usize,
}

/// Which calls are recorded, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordingSettings {
    /// Every call whose accounts do not say otherwise.
    pub auto: bool,
    /// From the answer on; else from the first early media.
    pub bridged_only: bool,
    /// One channel a party; else both mixed in one.
    pub apart: bool,
    /// Samples a second: 8,000 or 16,000.
    pub rate_hz: u32,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self { auto: false, bridged_only: true, apart: false, rate_hz: 8_000 }
    }
}

/// Codes dialled for a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Codes {
    /// The echo test, by default `*43`.
    pub echo: Option<String>,
}

/// All accounts, by number and by authentication name.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    by_number: BTreeMap<String, Extension>,
    number_by_auth_user: BTreeMap<String, String>,
}

impl Directory {
    /// The directory of these accounts. Numbers and authentication names are unique (the configuration check refuses others);
    /// of two alike the later one stays.
    #[must_use]
    pub fn new(extensions: impl IntoIterator<Item = Extension>) -> Self {
        let mut directory = Self::default();
        for extension in extensions {
            directory.number_by_auth_user.insert(extension.auth_user.clone(), extension.number.clone());
            directory.by_number.insert(extension.number.clone(), extension);
        }
        directory
    }

    /// The account that owns `number`.
    #[must_use]
    pub fn extension(&self, number: &str) -> Option<&Extension> {
        self.by_number.get(number)
    }

    /// The account that authenticates as `auth_user`.
    #[must_use]
    pub fn by_auth_user(&self, auth_user: &str) -> Option<&Extension> {
        self.by_number.get(self.number_by_auth_user.get(auth_user)?)
    }

    /// All accounts in the order of their numbers.
    pub fn extensions(&self) -> impl ExactSizeIterator<Item = &Extension> {
        self.by_number.values()
    }
}

/// One account.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Internal number, 2 to 4 digits.
    pub number: String,
    /// Display name.
    pub name: String,
    /// Name used in digest authentication; may differ from the number.
    pub auth_user: String,
    /// Digest secret.
    pub secret: Secret,
    /// Name and number shown to the callee; default: `name` and `number`.
    pub caller_id: CallerId,
    /// Language of prompts, e.g. `en`.
    pub language: String,
    /// Groups the account belongs to.
    pub call_groups: Vec<u16>,
    /// Groups whose ringing calls the account may pick up.
    pub pickup_groups: Vec<u16>,
    /// Dial plan context.
    pub context: String,
    /// Where the phone is.
    pub host: Host,
    /// What the account may do.
    pub permissions: Permissions,
    /// Calls at once, in and out together; the next is answered 486.
    pub call_limit: usize,
    /// Codecs the account may use, preferred first; others are taken out of its offers and answers.
    /// Telephone-event and comfort noise are always allowed. Empty: everything, in the offerer's order.
    pub codecs: Vec<Codec>,
    /// The class of music that a party hears whom its phones hold.
    pub music: String,
    /// NAT treatment.
    pub nat: Nat,
    /// How keys pressed are told to and by the phone.
    pub dtmf: Dtmf,
    /// Whether media of its phones is encrypted by keys in session descriptions. A browser's always is.
    pub encryption: Encryption,
    /// Whether its calls are recorded; `None`: as the exchange is set.
    pub record: Option<bool>,
    /// An unanswered call to the account ends after this.
    pub no_answer_after: Duration,
}

/// What the callee is shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallerId {
    /// Display name.
    pub name: String,
    /// Number.
    pub number: String,
}

/// Where an account's phone is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// It registers.
    Dynamic,
    /// It is always at this SIP URI and needs no registration.
    Fixed(String),
}

/// Rights of an account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Permissions {
    /// Calls through trunks.
    pub external: bool,
    /// International calls.
    pub international: bool,
    /// Listen to others' calls.
    pub monitor: bool,
    /// Speak to one side only.
    pub whisper: bool,
    /// Join others' calls.
    pub barge: bool,
    /// Pick up ringing calls.
    pub pickup: bool,
}

/// How keys are told between us and an account's phones.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dtmf {
    /// RFC 4733 events; tones in the audio where the phone takes no events.
    #[default]
    Rfc4733,
    /// Tones in the audio.
    Inband,
    /// SIP INFO.
    Info,
    /// Events where they were negotiated, else SIP INFO where the phone allows it, else tones.
    Auto,
}

/// Encryption of the media of an account's phones (RTP-10).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Encryption {
    /// No keys are offered or taken; an offer that insists is refused.
    Off,
    /// Keys are offered beside clear (RFC 8643) and taken where they are offered.
    #[default]
    Optional,
    /// Only encrypted media is offered and taken.
    Required,
}

/// NAT treatment of an account's signaling and media (SIP-10).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nat {
    /// As [`Nat::Yes`] when the Via or the Contact names another address than the packets come from.
    Auto,
    /// Answer to the source port even without `rport`; send requests to the flow of registration; learn the media source.
    Yes,
    /// Believe what the headers and the session description say.
    No,
}
