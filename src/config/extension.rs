//! Section `extensions`: the accounts (SIP-15, EXT).

use super::{
    dial::{When, context, when},
    fault::Position,
    password::{PUBLISHED_WARNING, Weakness, is_published, pin_is_weak, weakness},
    reader::{Reader, Reference, Section, boolean, integer, list, name, one_of, printable, scalar, sections, text},
    value::{self, destination, dialled, duration, number, show_duration, sip_uri},
    yaml::{Node, Value},
};
use serde::Serialize;
use signaling::settings::Secret;
use std::{collections::BTreeMap, time::Duration};

/// Accounts in one file.
const EXTENSIONS_MAX: usize = 100_000;

/// City and mobile numbers of one account.
const NUMBERS_MAX: usize = 20;

/// Calls of one account at once.
const CALL_LIMIT_MAX: u64 = 1_000;

/// One account.
#[derive(Clone, Debug, Serialize)]
pub struct Extension {
    /// Internal number, 2 to 4 digits.
    pub number: String,
    /// Display name.
    pub name: String,
    /// Name in digest authentication.
    pub auth_user: String,
    /// Digest secret.
    #[serde(serialize_with = "value::mask")]
    pub secret: Secret,
    /// What the callee is shown.
    pub caller_id: CallerId,
    /// Mail address for messages and notices.
    pub email: Option<String>,
    /// Language of prompts.
    pub language: String,
    /// Dial plan context.
    pub context: String,
    /// `dynamic`, or the SIP URI of a phone that does not register.
    pub host: String,
    /// What the account may do.
    pub permissions: Permissions,
    /// Calls at once.
    pub call_limit: usize,
    /// Groups it belongs to.
    pub call_group: Vec<u16>,
    /// Groups whose ringing calls it may pick up.
    pub pickup_group: Vec<u16>,
    /// Codecs, preferred first; empty: as the phone likes.
    pub codecs: Vec<CodecName>,
    /// City and mobile numbers that are the account's.
    pub numbers: Vec<String>,
    /// Where calls go instead.
    pub forward: Forward,
    /// Further numbers to try.
    pub follow_me: Vec<FollowMe>,
    /// Mailbox.
    pub voicemail: Voicemail,
    /// SRTP.
    pub media_encryption: Encryption,
    /// Class of music for whom its phones hold.
    pub music_on_hold: String,
    /// NAT treatment.
    pub nat: NatMode,
    /// How keys pressed are told.
    pub dtmf: DtmfMode,
    /// Whether its calls are recorded, whatever `features.recording.auto` says.
    pub record: Option<bool>,
    /// What those who watch it see of its calls.
    pub visibility: Visibility,
}

/// What the callee is shown.
#[derive(Clone, Debug, Serialize)]
pub struct CallerId {
    /// Display name.
    pub name: String,
    /// Number.
    pub number: String,
}

/// Rights of an account.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "each is the right of its name; see signaling::settings::Permissions")]
pub struct Permissions {
    pub external: bool,
    pub international: bool,
    pub monitor: bool,
    pub whisper: bool,
    pub barge: bool,
    pub pickup: bool,
    pub transfer: bool,
}

impl Default for Permissions {
    /// Inside calls, transfers, and pickup within its groups; everything that costs or listens must be granted.
    fn default() -> Self {
        Self {
            external: false,
            international: false,
            monitor: false,
            whisper: false,
            barge: false,
            pickup: true,
            transfer: true,
        }
    }
}

/// A codec by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the codec of its name; see contract::Codec")]
pub enum CodecName {
    Opus,
    G722,
    Pcma,
    Pcmu,
    G729,
}

/// Where calls go instead.
#[derive(Clone, Debug, Serialize)]
pub struct Forward {
    /// All.
    pub always: Option<String>,
    /// When the account is busy.
    pub busy: Option<String>,
    /// When nobody answers.
    pub no_answer: Option<String>,
    /// When no phone is registered.
    pub unreachable: Option<String>,
    /// By caller or by time, asked before `always`.
    pub rules: Vec<ForwardRule>,
    /// An unanswered call ends, or goes on, after this.
    #[serde(serialize_with = "show_duration")]
    pub no_answer_after: Duration,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            always: None,
            busy: None,
            no_answer: None,
            unreachable: None,
            rules: Vec::new(),
            no_answer_after: Duration::from_secs(30),
        }
    }
}

/// One kind of calls that go elsewhere.
#[derive(Clone, Debug, Serialize)]
pub struct ForwardRule {
    /// Where.
    pub to: String,
    /// Which calls.
    #[serde(flatten)]
    pub when: When,
    /// Where it is written.
    #[serde(skip)]
    pub at: Position,
}

/// One further number.
#[derive(Clone, Debug, Serialize)]
pub struct FollowMe {
    /// The number.
    pub to: String,
    /// For this long.
    #[serde(serialize_with = "show_duration")]
    pub ring: Duration,
}

/// Mailbox.
#[derive(Clone, Debug, Serialize)]
pub struct Voicemail {
    /// Digits asked for; none: the owner's phone alone opens it.
    #[serde(serialize_with = "value::mask_optional")]
    pub pin: Option<Secret>,
    /// Whether there is one.
    pub enabled: bool,
}

impl Default for Voicemail {
    fn default() -> Self {
        Self { pin: None, enabled: true }
    }
}

/// SRTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Never.
    Off,
    /// When the phone offers it.
    Optional,
    /// Or no call.
    Required,
}

/// NAT treatment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NatMode {
    /// Found out.
    Auto,
    /// Always as behind NAT.
    Yes,
    /// Headers are believed.
    No,
}

/// How keys pressed are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DtmfMode {
    /// RFC 4733 events, else tones.
    Rfc4733,
    /// Tones in the audio.
    Inband,
    /// SIP INFO.
    Info,
    /// What the phone says it takes.
    Auto,
}

/// What those who watch an account see of its calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// That there are calls, and with whom.
    Full,
    /// That there are calls.
    Busy,
    /// Nothing; nobody can watch it.
    Hidden,
}

/// Reads the section. Authentication names must differ among all accounts.
pub(super) fn read(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Extension>> {
    let mut auth_users: BTreeMap<String, Position> = BTreeMap::new();
    sections(EXTENSIONS_MAX, |r, s| {
        let extension = one(r, s)?;
        if let Some(first) = auth_users.get(&extension.auth_user) {
            let what = format!("the auth_user `{}` is already taken in line {}", extension.auth_user, first.line);
            r.fault(s.at, what, "an auth_user of its own (default: the number)");
        } else {
            auth_users.insert(extension.auth_user.clone(), s.at);
        }
        Some(extension)
    })(r, node)
}

fn one(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<Extension> {
    let number_at = s.node("number").map_or(s.at, |node| node.at);
    let number = s.required(r, "number", "2 to 4 digits, such as number: \"1001\"", number(2, 4));
    if let Some(number) = &number {
        r.own(number_at, number, "an extension");
    }
    let name = s.optional(r, "name", text);
    let auth_at = s.node("auth_user").map(|node| node.at);
    let auth_user = s.optional(r, "auth_user", auth_user).or_else(|| number.clone());
    if auth_user.is_some() && auth_user == number {
        // SEC-08 wants them unlike; the contract's default makes them alike, so this is legal but told.
        let what = format!(
            "the account {} authenticates by its number, which scanners try first",
            number.as_deref().unwrap_or("?")
        );
        r.warn(auth_at.unwrap_or(number_at), what, "an auth_user that is not the number");
    }
    let known: Vec<&str> = [&number, &auth_user, &name].into_iter().filter_map(|name| name.as_deref()).collect();
    let secret = s.required(r, "secret", Weakness::INSTEAD, |r, node| {
        let secret = value::secret(r, node)?;
        if let Some(weakness) = weakness(secret.expose(), &known) {
            r.fault(node.at, weakness.what(), Weakness::INSTEAD);
        }
        if is_published(secret.expose()) {
            r.warn(node.at, PUBLISHED_WARNING.0, PUBLISHED_WARNING.1);
        }
        Some(secret)
    });
    for (key, section) in
        [("follow_me", "extensions.follow_me"), ("voicemail", "extensions.voicemail"), ("email", "extensions.email")]
    {
        s.mark_not_active(r, key, section);
    }
    let caller_id = s.optional(r, "caller_id", |r, node| {
        let mut s = Section::of(r, node)?;
        let read = (s.optional(r, "name", text), s.optional(r, "number", dialled));
        s.finish(r);
        Some(read)
    });
    let email = s.optional(r, "email", email);
    let language = s.get(r, "language", "en".to_owned(), language);
    let context = s.get(r, "context", signaling::settings::INTERNAL.to_owned(), context);
    let host = s.get(r, "host", "dynamic".to_owned(), |r, node| match &node.value {
        Value::Scalar { text, .. } if text == "dynamic" => Some(text.clone()),
        Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => sip_uri(r, node),
    });
    let permissions = s.section(r, "permissions", permissions);
    let call_limit = s.get(r, "call_limit", 4, integer(1, CALL_LIMIT_MAX));
    let call_group = s.get(r, "call_group", Vec::new(), groups);
    let pickup_group = s.get(r, "pickup_group", Vec::new(), groups);
    let codecs = s.get(r, "codecs", Vec::new(), codecs);
    let numbers = s.get(
        r,
        "numbers",
        Vec::new(),
        list(NUMBERS_MAX, |r, node| {
            let number = dialled(r, node)?;
            r.own(node.at, &number, "a line of an extension");
            Some(number)
        }),
    );
    let forward_at = s.node("forward").map(|node| node.at);
    let forward = s.section(r, "forward", forward);
    let follow_me = s.get(r, "follow_me", Vec::new(), sections(20, follow_me));
    let voicemail = s.section(r, "voicemail", |r, s| voicemail(r, s, number.as_deref().unwrap_or_default()));
    let words = &[("off", Encryption::Off), ("optional", Encryption::Optional), ("required", Encryption::Required)];
    let media_encryption = s.get(r, "media_encryption", Encryption::Optional, one_of(words));
    let music_on_hold = s.get(r, "music_on_hold", "default".to_owned(), |r, node| {
        let name = class_of_music(r, node)?;
        r.refer(node.at, Reference::Music(name.clone()));
        Some(name)
    });
    let nat =
        s.get(r, "nat", NatMode::Auto, one_of(&[("auto", NatMode::Auto), ("yes", NatMode::Yes), ("no", NatMode::No)]));
    let dtmf = s.get(
        r,
        "dtmf",
        DtmfMode::Rfc4733,
        one_of(&[
            ("rfc4733", DtmfMode::Rfc4733),
            ("inband", DtmfMode::Inband),
            ("info", DtmfMode::Info),
            ("auto", DtmfMode::Auto),
        ]),
    );
    let record = s.optional(r, "record", boolean);
    let words = &[("full", Visibility::Full), ("busy", Visibility::Busy), ("hidden", Visibility::Hidden)];
    let visibility = s.get(r, "visibility", Visibility::Full, one_of(words));
    let number = number?;
    r.place(number_at, format!("extensions[{number}]"));
    r.place(forward_at.unwrap_or(number_at), format!("extensions[{number}].forward"));
    let name = name.unwrap_or_default();
    let (shown_name, shown_number) = caller_id.unwrap_or_default();
    Some(Extension {
        caller_id: CallerId {
            name: shown_name.unwrap_or_else(|| name.clone()),
            number: shown_number.unwrap_or_else(|| number.clone()),
        },
        number,
        name,
        auth_user: auth_user?,
        secret: secret?,
        email,
        language,
        context,
        host,
        permissions,
        call_limit,
        call_group,
        pickup_group,
        codecs,
        numbers,
        forward,
        follow_me,
        voicemail,
        media_encryption,
        music_on_hold,
        nat,
        dtmf,
        record,
        visibility,
    })
}

/// A name of section `music_on_hold`.
fn class_of_music(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    name(r, node)
}

/// RFC 7616 section 3.4: `username` is a quoted string; quotes and colons would break it.
fn auth_user(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let user = text(r, node)?;
    if user.is_empty() || user.contains(['"', '\\', ':']) || user.chars().count() > 64 {
        r.fault(
            node.at,
            format!("`{}` cannot be an auth_user", printable(&user)),
            "1 to 64 characters without \" \\ or :",
        );
        return None;
    }
    Some(user)
}

fn email(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let email = text(r, node)?;
    let good = email.rsplit_once('@').is_some_and(|(local, host)| !local.is_empty() && value::is_host(host));
    if !good || email.contains(char::is_whitespace) {
        r.fault(node.at, format!("`{}` is not a mail address", printable(&email)), "name@host");
        return None;
    }
    Some(email)
}

/// A language tag, RFC 5646 in its simple form.
fn language(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let tag = scalar(r, node, "a language such as en or ru")?;
    let good =
        tag.split('-').all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !good {
        r.fault(node.at, format!("`{}` is not a language", printable(tag)), "a language such as en or ru");
        return None;
    }
    Some(tag.to_owned())
}

/// A list of groups, or one.
fn groups(r: &mut Reader<'_>, node: &Node) -> Option<Vec<u16>> {
    match &node.value {
        Value::Scalar { .. } => integer(0, 1_000)(r, node).map(|group| vec![group]),
        Value::Null | Value::List(_) | Value::Map(_) => list(64, integer(0, 1_000))(r, node),
    }
}

pub(super) fn codecs(r: &mut Reader<'_>, node: &Node) -> Option<Vec<CodecName>> {
    let mut seen = Vec::new();
    list(16, |r, node| {
        let codec = one_of(&[
            ("opus", CodecName::Opus),
            ("g722", CodecName::G722),
            ("pcma", CodecName::Pcma),
            ("pcmu", CodecName::Pcmu),
            ("g729", CodecName::G729),
        ])(r, node)?;
        if seen.contains(&codec) {
            r.fault(node.at, "this codec stands here twice", "each codec once, preferred first");
        }
        seen.push(codec);
        Some(codec)
    })(r, node)
}

fn permissions(r: &mut Reader<'_>, s: &mut Section<'_>) -> Permissions {
    let d = Permissions::default();
    Permissions {
        external: s.get(r, "external", d.external, boolean),
        international: s.get(r, "international", d.international, boolean),
        monitor: s.get(r, "monitor", d.monitor, boolean),
        whisper: s.get(r, "whisper", d.whisper, boolean),
        barge: s.get(r, "barge", d.barge, boolean),
        pickup: s.get(r, "pickup", d.pickup, boolean),
        transfer: s.get(r, "transfer", d.transfer, boolean),
    }
}

fn forward(r: &mut Reader<'_>, s: &mut Section<'_>) -> Forward {
    let d = Forward::default();
    Forward {
        always: s.optional(r, "always", destination),
        busy: s.optional(r, "busy", destination),
        no_answer: s.optional(r, "no_answer", destination),
        unreachable: s.optional(r, "unreachable", destination),
        rules: s.get(r, "rules", Vec::new(), sections(20, forward_rule)),
        no_answer_after: s.get(r, "no_answer_after", d.no_answer_after, ring_time),
    }
}

fn forward_rule(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<ForwardRule> {
    let to = s.required(r, "to", "where these calls go", destination);
    let when = when(r, s);
    if when.schedule.is_none() && when.from.is_empty() {
        r.fault(s.at, "this rule is for all calls", "`schedule` or `from`, or `always` instead of the rule");
    }
    Some(ForwardRule { to: to?, when, at: s.at })
}

fn follow_me(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<FollowMe> {
    let to = s.required(r, "to", "the number to try", destination);
    let ring = s.get(r, "ring", Duration::from_secs(10), ring_time);
    Some(FollowMe { to: to?, ring })
}

/// How long something rings.
pub(super) fn ring_time(r: &mut Reader<'_>, node: &Node) -> Option<Duration> {
    duration(Duration::from_secs(1), Duration::from_secs(600))(r, node)
}

fn voicemail(r: &mut Reader<'_>, s: &mut Section<'_>, number: &str) -> Voicemail {
    let d = Voicemail::default();
    let pin = s.optional(r, "pin", |r, node| {
        let pin = value::secret(r, node)?;
        let digits = pin.expose();
        if !(4..=10).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            r.fault(node.at, "the PIN is not 4 to 10 digits", "4 to 10 digits in quotes");
        } else if pin_is_weak(digits, number) {
            r.fault(node.at, "the PIN is among the first anybody would try", "4 to 10 digits drawn by lot");
        }
        Some(pin)
    });
    Voicemail { pin, enabled: s.get(r, "enabled", d.enabled, boolean) }
}
