//! Section `trunks`: the providers and gateways by which calls leave and come in.

use super::{
    Config,
    extension::{CodecName, DtmfMode, Encryption, NatMode, codecs},
    fault::Position,
    reader::{Reader, Section, boolean, integer, list, name, one_of, printable, scalar, sections, text, unique},
    settings::{codec, dtmf, encryption, nat},
    value::{self, Scheme, duration, host, network, show_duration, sip_uri},
    yaml::Node,
};
use serde::Serialize;
use signaling::{
    message::Uri,
    settings::{self, Credentials, NameExpression, Names, Network, RuleAction, RuleDirection, Secret, is_protected},
};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Trunks in one file.
const TRUNKS_MAX: usize = 10_000;

/// Rules about header fields, and about statuses, of one trunk.
const RULES_MAX: usize = 100;

/// One provider or gateway.
#[derive(Clone, Debug, Serialize)]
pub struct Trunk {
    /// Its name in routes, metrics and records.
    pub name: String,
    /// We register with it.
    pub register: bool,
    /// For how long a registration is asked for.
    #[serde(serialize_with = "show_duration")]
    pub register_expires: Duration,
    /// Where it is.
    pub server: String,
    /// Our name there.
    pub auth_user: Option<String>,
    /// Our secret there; chosen by the provider, so not judged.
    #[serde(serialize_with = "value::mask_optional")]
    pub secret: Option<Secret>,
    /// User part of our From.
    pub from_user: Option<String>,
    /// Host part of our From.
    pub from_domain: Option<String>,
    /// User part of our Contact.
    pub contact_user: Option<String>,
    /// Dial plan context of calls that come in by it.
    pub context: String,
    /// Codecs offered.
    pub codecs: Vec<CodecName>,
    /// How keys pressed are told.
    pub dtmf: DtmfMode,
    /// SRTP.
    pub media_encryption: Encryption,
    /// NAT treatment.
    pub nat: NatMode,
    /// Calls at once.
    pub max_calls: u32,
    /// New calls a second.
    pub max_cps: u32,
    /// How often it is asked whether it lives; zero: never.
    #[serde(serialize_with = "show_duration")]
    pub options_interval: Duration,
    /// How long an INVITE may be without any answer before another trunk is tried.
    #[serde(serialize_with = "show_duration")]
    pub answer_timeout: Duration,
    /// How long a call by it rings.
    #[serde(serialize_with = "show_duration")]
    pub ring_timeout: Duration,
    /// Lower first.
    pub prefer: u32,
    /// Share among equals.
    pub weight: u32,
    /// Sources believed without authentication.
    pub allow_from: Vec<String>,
    /// What it says about callers is believed, and it is told who calls.
    pub trust: bool,
    /// By which header field it is told.
    pub identity: IdentityForm,
    /// How a leading `+` is written.
    pub plus: PlusForm,
    /// What becomes of sound before the answer.
    pub early_media: EarlyMedia,
    /// Header fields changed.
    pub headers: Vec<HeaderRule>,
    /// Its refusals changed.
    pub responses: Vec<StatusRule>,
}

/// By which header field a trusted trunk is told who calls.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "explained in config/ironbell.yml and signaling::settings::IdentityForm")]
pub enum IdentityForm {
    #[default]
    Pai,
    Rpid,
    From,
}

/// How a leading `+` is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "explained in config/ironbell.yml and signaling::settings::PlusForm")]
pub enum PlusForm {
    #[default]
    Keep,
    Bare,
    #[serde(rename = "00")]
    Zeros,
}

/// What becomes of sound before the answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "explained in config/ironbell.yml and signaling::settings::EarlyMedia")]
pub enum EarlyMedia {
    #[default]
    Relay,
    Ring,
}

/// Which way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "explained in config/ironbell.yml and signaling::settings::RuleDirection")]
pub enum Way {
    In,
    Out,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "explained in config/ironbell.yml and signaling::settings::RuleAction")]
pub enum Deed {
    Add,
    Set,
    Remove,
    Pass,
}

/// A rule about header fields.
#[derive(Clone, Debug, Serialize)]
pub struct HeaderRule {
    /// Which way.
    pub direction: Way,
    /// What.
    pub action: Deed,
    /// The field's name; for `remove` and `pass` also an expression between slashes.
    pub header: String,
    /// For `add` and `set`.
    pub value: Option<String>,
}

/// A rule about a refusal.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StatusRule {
    /// What the trunk answers.
    pub from: u16,
    /// What it counts as.
    pub to: u16,
}

pub(super) fn trunks(r: &mut Reader<'_>, node: &Node) -> Option<Vec<Trunk>> {
    let mut seen = BTreeMap::new();
    sections(TRUNKS_MAX, |r, s| {
        let at = s.at;
        let trunk = trunk(r, s)?;
        unique(r, &mut seen, at, &trunk.name, "trunk");
        r.place(at, format!("trunks[{}]", trunk.name));
        Some(trunk)
    })(r, node)
}

fn trunk(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<Trunk> {
    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    let trunk_name = s.required(r, "name", "a name such as `carrier-a`", name);
    let register = s.get(r, "register", false, boolean);
    let server = s.required(r, "server", "a SIP URI such as sip:192.0.2.1:5060", server);
    let auth_user = s.optional(r, "auth_user", text);
    let secret = s.optional(r, "secret", value::secret);
    if register && (s.node("auth_user").is_none() || s.node("secret").is_none()) {
        r.fault(
            s.at,
            "a trunk that registers needs a name and a secret",
            "`auth_user` and `secret`, or `register: false`",
        );
    }
    if let (Some(name), Some(node)) = (&trunk_name, s.node("server")) {
        r.place(node.at, format!("trunks[{name}].server"));
    }
    Some(Trunk {
        register,
        register_expires: s.get(r, "register_expires", seconds(3_600), duration(seconds(60), seconds(86_400))),
        auth_user,
        secret,
        from_user: s.optional(r, "from_user", text),
        from_domain: s.optional(r, "from_domain", host),
        contact_user: s.optional(r, "contact_user", text),
        context: s.get(r, "context", "inbound".to_owned(), super::dial::context),
        codecs: s.get(r, "codecs", vec![CodecName::Pcma, CodecName::Pcmu], codecs),
        dtmf: s.get(
            r,
            "dtmf",
            DtmfMode::Rfc4733,
            one_of(&[
                ("rfc4733", DtmfMode::Rfc4733),
                ("inband", DtmfMode::Inband),
                ("info", DtmfMode::Info),
                ("auto", DtmfMode::Auto),
            ]),
        ),
        media_encryption: s.get(
            r,
            "media_encryption",
            Encryption::Off,
            one_of(&[("off", Encryption::Off), ("optional", Encryption::Optional), ("required", Encryption::Required)]),
        ),
        nat: s.get(
            r,
            "nat",
            NatMode::Auto,
            one_of(&[("auto", NatMode::Auto), ("yes", NatMode::Yes), ("no", NatMode::No)]),
        ),
        max_calls: s.get(r, "max_calls", 30, integer(1, 100_000)),
        max_cps: s.get(r, "max_cps", 10, integer(1, 10_000)),
        options_interval: s.get(r, "options_interval", seconds(30), interval),
        answer_timeout: s.get(r, "answer_timeout", seconds(3), duration(seconds(1), seconds(32))),
        ring_timeout: s.get(r, "ring_timeout", seconds(60), duration(seconds(5), seconds(600))),
        prefer: s.get(r, "prefer", 10, integer(0, 10_000)),
        weight: s.get(r, "weight", 1, integer(0, 10_000)),
        allow_from: s.get(r, "allow_from", Vec::new(), list(1_000, network)),
        trust: s.get(r, "trust", false, boolean),
        identity: s.get(
            r,
            "identity",
            IdentityForm::Pai,
            one_of(&[("pai", IdentityForm::Pai), ("rpid", IdentityForm::Rpid), ("from", IdentityForm::From)]),
        ),
        plus: s.get(
            r,
            "plus",
            PlusForm::Keep,
            one_of(&[("keep", PlusForm::Keep), ("bare", PlusForm::Bare), ("00", PlusForm::Zeros)]),
        ),
        early_media: s.get(
            r,
            "early_media",
            EarlyMedia::Relay,
            one_of(&[("relay", EarlyMedia::Relay), ("ring", EarlyMedia::Ring)]),
        ),
        headers: s.get(r, "headers", Vec::new(), sections(RULES_MAX, header_rule)),
        responses: s.get(r, "responses", Vec::new(), sections(RULES_MAX, status_rule)),
        name: trunk_name?,
        server: server?,
    })
}

/// A SIP URI without a user.
fn server(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let expected = "a SIP URI such as sip:192.0.2.1:5060 or sip:carrier.example;transport=tls";
    let text = sip_uri(r, node)?;
    let uri = Uri::parse(text.as_bytes()).ok();
    if text.starts_with("sips:") || uri.is_some_and(|uri| uri.user().is_some()) {
        r.fault(node.at, format!("`{}` is not the address of a server", printable(&text)), expected);
        return None;
    }
    Some(text)
}

/// Judges where trunks are beside where we listen: a request leaves by a listener of its transport, and never for ourselves.
pub(super) fn check(r: &mut Reader<'_>, config: &Config) {
    let sip = &config.server.sip;
    for trunk in &config.trunks {
        let Some(uri) = Uri::parse(trunk.server.as_bytes()).ok() else { continue };
        let at = r.places.get(&format!("trunks[{}].server", trunk.name)).copied().unwrap_or(Position::START);
        let schemes: &[Scheme] = match uri.param("transport").flatten() {
            None => &[Scheme::Udp, Scheme::Tcp, Scheme::Tls],
            Some(name) if name.eq_ignore_ascii_case(b"udp") => &[Scheme::Udp],
            Some(name) if name.eq_ignore_ascii_case(b"tcp") => &[Scheme::Tcp],
            Some(name) if name.eq_ignore_ascii_case(b"tls") => &[Scheme::Tls],
            Some(_) => &[],
        };
        if !sip.listen.iter().any(|listen| schemes.contains(&listen.scheme)) {
            let what = format!("nothing in server.sip.listen has the transport of `{}`", printable(&trunk.server));
            r.fault(at, what, "a listener of that transport, by which its requests leave");
        }
        let host = uri.host().map(|host| host.to_string().trim_end_matches('.').to_ascii_lowercase());
        let own = [Some(&config.server.domain), sip.advertise.as_ref()];
        if own
            .into_iter()
            .flatten()
            .any(|own| host.as_deref() == Some(own.trim_end_matches('.').to_ascii_lowercase().as_str()))
            && uri.host().is_some_and(|host| host.ip().is_none())
        {
            let what = format!("`{}` is this exchange itself", printable(&trunk.server));
            r.fault(at, what, "the provider's host name");
        }
    }
}

/// A span, or `off`.
fn interval(r: &mut Reader<'_>, node: &Node) -> Option<Duration> {
    if scalar(r, node, "a duration such as 30s, or off")? == "off" {
        return Some(Duration::ZERO);
    }
    duration(Duration::from_secs(1), Duration::from_secs(3_600))(r, node)
}

fn header_rule(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<HeaderRule> {
    let direction = s.required(r, "direction", "in or out", one_of(&[("in", Way::In), ("out", Way::Out)]));
    let action = s.required(
        r,
        "action",
        "add, set, remove or pass",
        one_of(&[("add", Deed::Add), ("set", Deed::Set), ("remove", Deed::Remove), ("pass", Deed::Pass)]),
    );
    let many = matches!(action, Some(Deed::Remove | Deed::Pass));
    let header = s.required(r, "header", "a name such as X-Account", |r, node| header_name(r, node, many));
    let value = s.optional(r, "value", text);
    let wants = matches!(action, Some(Deed::Add | Deed::Set));
    if action.is_some() && wants != s.node("value").is_some() {
        let (what, instead) = match wants {
            true => {
                ("`add` and `set` need a value", "`value: \"text\"`, perhaps with {caller}, {callee} or {Header-Name}")
            }
            false => ("`remove` and `pass` have no value", "the rule without `value`"),
        };
        r.fault(s.at, what, instead);
    }
    Some(HeaderRule { direction: direction?, action: action?, header: header?, value })
}

/// A header field's name, or for several an expression between slashes.
fn header_name(r: &mut Reader<'_>, node: &Node, many: bool) -> Option<String> {
    let expected = if many { "a name such as X-Account, or /^X-/" } else { "a name such as X-Account" };
    let name = text(r, node)?;
    if let Some(expression) = expression(&name).filter(|_| many) {
        if let Err(fault) = NameExpression::new(expression) {
            r.fault(node.at, format!("`{}` is not an expression: {fault}", printable(&name)), expected);
            return None;
        }
        return Some(name);
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        r.fault(node.at, format!("`{}` is not the name of a header field", printable(&name)), expected);
        return None;
    }
    if is_protected(&name) {
        r.fault(
            node.at,
            format!("`{name}` is not touched by rules: the call itself hangs on it"),
            "another header field",
        );
        return None;
    }
    Some(name)
}

/// What stands between slashes.
fn expression(name: &str) -> Option<&str> {
    name.strip_prefix('/')?.strip_suffix('/')
}

fn status_rule(r: &mut Reader<'_>, s: &mut Section<'_>) -> Option<StatusRule> {
    let from = s.required(r, "from", "a status from 400 to 699", integer(400, 699));
    let to = s.required(r, "to", "a status from 400 to 699", integer(400, 699));
    Some(StatusRule { from: from?, to: to? })
}

impl Trunk {
    /// As signaling reads it.
    pub(super) fn signaling(&self) -> settings::Trunk {
        let account = self.auth_user.clone().zip(self.secret.clone());
        let user = self.contact_user.as_ref().or(self.from_user.as_ref()).or(self.auth_user.as_ref());
        settings::Trunk {
            name: self.name.clone(),
            server: self.server.clone(),
            register: self.register.then_some(self.register_expires),
            contact_user: user.unwrap_or(&self.name).clone(),
            credentials: account.map(|(user, secret)| Credentials { user, secret }),
            from_user: self.from_user.clone(),
            from_domain: self.from_domain.clone(),
            context: self.context.clone(),
            codecs: self.codecs.iter().copied().map(codec).collect(),
            dtmf: dtmf(self.dtmf),
            encryption: encryption(self.media_encryption),
            nat: nat(self.nat),
            calls_max: usize::try_from(self.max_calls).unwrap_or(usize::MAX),
            calls_per_second_max: usize::try_from(self.max_cps).unwrap_or(usize::MAX),
            probe_every: (!self.options_interval.is_zero()).then_some(self.options_interval),
            answer_timeout: self.answer_timeout,
            ring_timeout: self.ring_timeout,
            prefer: self.prefer,
            weight: self.weight,
            allow_from: self.allow_from.iter().filter_map(|text| parsed(text)).collect(),
            trusted: self.trust,
            identity: match self.identity {
                IdentityForm::Pai => settings::IdentityForm::Asserted,
                IdentityForm::Rpid => settings::IdentityForm::RemoteParty,
                IdentityForm::From => settings::IdentityForm::From,
            },
            plus: match self.plus {
                PlusForm::Keep => settings::PlusForm::Keep,
                PlusForm::Bare => settings::PlusForm::Bare,
                PlusForm::Zeros => settings::PlusForm::Zeros,
            },
            early_media: match self.early_media {
                EarlyMedia::Relay => settings::EarlyMedia::Relay,
                EarlyMedia::Ring => settings::EarlyMedia::Ring,
            },
            headers: self.headers.iter().filter_map(HeaderRule::signaling).collect(),
            statuses: self.responses.iter().map(|rule| (rule.from, rule.to)).collect(),
        }
    }
}

impl HeaderRule {
    /// `None`: its expression is none, which the check has told.
    fn signaling(&self) -> Option<settings::HeaderRule> {
        let direction = match self.direction {
            Way::In => RuleDirection::In,
            Way::Out => RuleDirection::Out,
        };
        let names = || match expression(&self.header) {
            Some(expression) => NameExpression::new(expression).ok().map(Names::Matching),
            None => Some(Names::One(self.header.clone())),
        };
        let name = self.header.clone();
        let value = self.value.clone().unwrap_or_default();
        let action = match self.action {
            Deed::Add => RuleAction::Add { name, value },
            Deed::Set => RuleAction::Set { name, value },
            Deed::Remove => RuleAction::Remove(names()?),
            Deed::Pass => RuleAction::Pass(names()?),
        };
        Some(settings::HeaderRule { direction, action })
    }
}

/// A network in CIDR form, or one address.
pub(super) fn parsed(text: &str) -> Option<Network> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    Some(Network { address, prefix: length.map_or(Some(all), |length| length.parse().ok())? })
}
