//! The accounts: who they are, how their phones are treated, what they may do.

use super::{Forward, Place, Secret};
use contract::Codec;
use core::time::Duration;
use std::collections::BTreeMap;

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
    /// An unanswered call to the account ends after this, or goes on where `forward` says.
    pub no_answer_after: Duration,
    /// What others may see of it by subscribing.
    pub visibility: Visibility,
    /// Where its calls lead instead.
    pub forward: Forward,
    /// Where it is written.
    pub place: Place,
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
    /// Transfer the other party of a call.
    pub transfer: bool,
}

/// What an account shows to those who watch it. Presence states are the same for everybody who may watch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Visibility {
    /// Its calls, with whom they are.
    #[default]
    Full,
    /// Its calls, without whom they are with.
    Busy,
    /// Nothing: a subscription is answered 403.
    Hidden,
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
