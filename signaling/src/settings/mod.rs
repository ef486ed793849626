//! The configuration as signaling reads it: a value, complete, already checked by the shell.
//!
//! `account` has the accounts, `dial` what numbers lead to, `event` how long subscriptions and messages last. Nothing here decides anything about a call.

mod account;
mod dial;
mod event;
mod trunk;

pub use account::{CallerId, Directory, Dtmf, Encryption, Extension, Host, Nat, Permissions, Visibility};
pub use dial::{
    Codes, Context, DAYS, Date, Destination, DialPlan, Did, Expression, Forward, ForwardRule, INBOUND, INTERNAL, Local,
    Numbering, Opening, Pattern, Place, Right, Route, Rules, Schedule, Service, Span, When, Which, Zone, is_dialled,
};
pub use event::{MessageSettings, SubscriptionSettings};
pub use trunk::{
    Credentials, EarlyMedia, HOPS, HeaderRule, IdentityForm, NameExpression, Names, Network, PlusForm, RuleAction,
    RuleDirection, Terms, Trunk, Trunks, is_protected,
};

use crate::flow::Transport;
use contract::{Codec, Fingerprint, NodeId};
use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
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
    /// Expiry limits of subscriptions and publications.
    pub subscription: SubscriptionSettings,
    /// Messages between accounts.
    pub messages: MessageSettings,
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
    /// Providers and gateways.
    pub trunks: Trunks,
    /// What all other numbers lead to.
    pub dial: DialPlan,
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
    /// The session interval that is asked for and granted at the most, RFC 4028; at least 90 s.
    pub session_expires: Duration,
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
