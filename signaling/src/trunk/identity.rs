//! Who calls, as INVITEs say it: read from the trunk or the phone that calls, written to the trunk or the phones that are called.
//!
//! RFC 3323 (privacy), RFC 3325 (P-Asserted-Identity within a trust domain), Remote-Party-ID as older gateways have it, RFC 5806 (Diversion), RFC 7044
//! (History-Info). What a trunk outside our trust domain asserts is not believed, and it is not told what the caller hides.

use super::header::Field;
use crate::{
    limits::IDENTITY_BYTES_MAX,
    message::{Header, Message, NameAddr, Scheme, Uri, escaped, quoted},
    settings::{Extension, IdentityForm, Trunk},
};

/// RFC 3323 section 4.1.1.3.
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// Values of Diversion and History-Info that are kept. RFC 7044 knows no limit; chains of real networks are shorter.
const HISTORY_MAX: usize = 10;

/// Who calls.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// Display name; empty: none.
    pub name: String,
    /// Number.
    pub number: String,
    /// The caller does not want to be shown (CLIR).
    pub hidden: bool,
    /// Diversion and History-Info, as they came.
    pub history: Vec<Field>,
}

/// What a trunk is told of a caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// From, name-addr without tag.
    pub from: String,
    /// More header fields.
    pub fields: Vec<Field>,
}

impl Identity {
    /// Who an INVITE from a trunk says is calling.
    #[must_use]
    pub fn of_trunk(trunk: &Trunk, invite: &Message<'_>) -> Self {
        let from = invite.from().ok();
        let asserted = trunk.trusted.then(|| asserted(invite)).flatten();
        let (name, number) = match (&asserted, &from) {
            (Some((address, _)), _) | (None, Some(address)) => (cut(&address.display()), number_of(&address.uri)),
            (None, None) => (String::new(), None),
        };
        let withheld = asserted.is_some_and(|(_, withheld)| withheld);
        Self {
            name,
            number: number.unwrap_or_else(|| "anonymous".to_owned()),
            hidden: withheld || wants_privacy(invite) || from.is_some_and(|from| is_anonymous(&from)),
            // RFC 7044 section 10.1, RFC 5806 section 5: only from whom they can be believed.
            history: if trunk.trusted { history(invite) } else { Vec::new() },
        }
    }

    /// Who an account is to the world, whatever its phone says of itself.
    #[must_use]
    pub fn of_account(account: &Extension, hidden: bool) -> Self {
        let shown = &account.caller_id;
        let or = |first: &str, second: &str| if first.is_empty() { second.to_owned() } else { first.to_owned() };
        Self {
            name: or(&shown.name, &account.name),
            number: or(&shown.number, &account.number),
            hidden,
            history: Vec::new(),
        }
    }

    /// From towards our phones, at `domain`, without tag.
    #[must_use]
    pub fn shown(&self, domain: &str) -> String {
        match (self.hidden, self.name.is_empty()) {
            (true, _) => ANONYMOUS.to_owned(),
            (false, true) => format!("<sip:{}@{domain}>", escaped(&self.number)),
            (false, false) => format!("{} <sip:{}@{domain}>", quoted(&self.name), escaped(&self.number)),
        }
    }

    /// What a trunk is told.
    #[must_use]
    pub fn told_to(&self, trunk: &Trunk) -> Told {
        let number = escaped(&trunk.plus.write(&self.number));
        let domain = trunk.domain();
        let name = if self.name.is_empty() { String::new() } else { format!("{} ", quoted(&self.name)) };
        let account = trunk.from_user.as_deref().or(trunk.credentials.as_ref().map(|credentials| &*credentials.user));
        let user = match (trunk.identity, account) {
            (IdentityForm::From, _) | (_, None) => number.clone(),
            (IdentityForm::Asserted | IdentityForm::RemoteParty, Some(account)) => escaped(account),
        };
        let from = if self.hidden { ANONYMOUS.to_owned() } else { format!("{name}<sip:{user}@{domain}>") };
        let mut fields: Vec<Field> = Vec::new();
        let mut add = |name: &str, value: String| fields.push((name.into(), value.into()));
        match (trunk.trusted, trunk.identity) {
            (true, IdentityForm::Asserted) => add("P-Asserted-Identity", format!("{name}<sip:{number}@{domain}>")),
            (true, IdentityForm::RemoteParty) => {
                let privacy = if self.hidden { "full" } else { "off" };
                let address = format!("{name}<sip:{number}@{domain}>;party=calling;screen=yes;privacy={privacy}");
                add("Remote-Party-ID", address);
            }
            (true, IdentityForm::From) | (false, _) => {}
        }
        if self.hidden {
            // RFC 3325 section 9.3.
            add("Privacy", "id".to_owned());
        }
        if trunk.trusted {
            fields.extend(self.history.iter().cloned());
        }
        Told { from, fields }
    }
}

/// Whether a phone asks that its user be hidden: by Privacy, or by an anonymous From.
#[must_use]
pub fn is_hidden(invite: &Message<'_>) -> bool {
    wants_privacy(invite) || invite.from().is_ok_and(|from| is_anonymous(&from))
}

/// RFC 3323 section 4.2: `none` asks for nothing, `critical` alone says nothing of whom.
fn wants_privacy(invite: &Message<'_>) -> bool {
    let parts = invite.headers(Header::Privacy).flat_map(|value| value.split(|byte| matches!(byte, b';' | b',')));
    parts
        .map(<[u8]>::trim_ascii)
        .any(|part| ["id", "user", "header", "session"].iter().any(|wish| part.eq_ignore_ascii_case(wish.as_bytes())))
}

fn is_anonymous(from: &NameAddr<'_>) -> bool {
    let host = from.uri.host().map(|host| host.to_string()).unwrap_or_default();
    host.eq_ignore_ascii_case("anonymous.invalid")
        || from.uri.user_decoded().is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
}

/// What a trunk of our trust domain asserts, and whether that is to be withheld from the callee.
fn asserted<'m>(invite: &Message<'m>) -> Option<(NameAddr<'m>, bool)> {
    // RFC 3325 section 9.1: at most one SIP URI and one tel URI; the first with a number counts.
    let mut asserted = invite.addresses(Header::PAssertedIdentity).filter_map(Result::ok);
    if let Some(address) = asserted.find(|address| number_of(&address.uri).is_some()) {
        return Some((address, false));
    }
    let parties = invite.named("Remote-Party-ID").filter_map(|value| NameAddr::parse(value).ok());
    let value = |address: &NameAddr<'m>, name: &str| address.param(name).flatten().map(<[u8]>::to_ascii_lowercase);
    let mut callers = parties.filter(|address| value(address, "party").is_none_or(|party| party == b"calling"));
    let address = callers.find(|address| number_of(&address.uri).is_some())?;
    let withheld = value(&address, "privacy").is_some_and(|privacy| privacy != b"off");
    Some((address, withheld))
}

fn history(invite: &Message<'_>) -> Vec<Field> {
    let of = |header: Header| {
        let values = invite.headers(header).filter_map(|value| core::str::from_utf8(value).ok());
        values.filter(|value| value.len() <= IDENTITY_BYTES_MAX).map(move |value| (header.name().into(), value.into()))
    };
    of(Header::Diversion).chain(of(Header::HistoryInfo)).take(HISTORY_MAX).collect()
}

/// The number in an address: a user part, without the separators of RFC 3966 section 5.1.1 and its parameters; not that of an anonymous one.
fn number_of(uri: &Uri<'_>) -> Option<String> {
    let user = uri.user_decoded()?;
    let user = user.split(';').next().unwrap_or_default();
    let separators: &[char] = match uri.scheme() {
        Scheme::Tel => &['-', '.', '(', ')'],
        Scheme::Sip | Scheme::Sips | Scheme::Other => &[],
    };
    let number = cut(&user.replace(separators, ""));
    (!number.is_empty() && !number.eq_ignore_ascii_case("anonymous")).then_some(number)
}

/// What is kept of a name or a number: printable, and no longer than reasonable.
fn cut(text: &str) -> String {
    let mut kept: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if kept.len() > IDENTITY_BYTES_MAX {
        let end = (0..=IDENTITY_BYTES_MAX).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
        kept.truncate(end);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{super::tests::trunk, *};
    use crate::{
        message::Index,
        settings::{Credentials, PlusForm, Secret},
    };

    fn read(trusted: bool, lines: &str) -> Identity {
        let from = if lines.contains("From:") { "" } else { "From: \"Ann\" <sip:+4930111@carrier.test>;tag=1\r\n" };
        let bytes = format!(
            "INVITE sip:1001@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n{from}To: <sip:1001@pbx.test>\r\nCall-ID: c\r\n\
             CSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let mut index = Index::new();
        let invite = index.parse(bytes.as_bytes()).expect("SIP");
        Identity::of_trunk(&Trunk { trusted, ..trunk("a") }, &invite)
    }

    #[test]
    fn who_calls_is_read_as_far_as_the_trunk_is_trusted() {
        let pai = "P-Asserted-Identity: \"Bob\" <sip:+4930222@carrier.test>\r\n";
        let tel = "P-Asserted-Identity: <tel:+49-30-(333);phone-context=x>\r\n";
        let rpid = "Remote-Party-ID: \"Cid\" <sip:+4930444@c.test>;party=calling;privacy=full\r\n";
        let called = "Remote-Party-ID: <sip:9@c.test>;party=called\r\n";
        for (trusted, lines, name, number, hidden) in [
            (false, "", "Ann", "+4930111", false),
            (false, pai, "Ann", "+4930111", false),
            (true, pai, "Bob", "+4930222", false),
            (true, tel, "", "+4930333", false),
            (true, rpid, "Cid", "+4930444", true),
            (false, rpid, "Ann", "+4930111", false),
            (true, called, "Ann", "+4930111", false),
            (true, &format!("{pai}Privacy: id\r\n"), "Bob", "+4930222", true),
            (false, "Privacy: none\r\n", "Ann", "+4930111", false),
            (false, "Privacy: user;critical\r\n", "Ann", "+4930111", true),
            (false, "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n", "Anonymous", "anonymous", true),
            (true, &format!("{pai}From: <sip:anonymous@x.test>;tag=1\r\n"), "Bob", "+4930222", true),
            (true, "P-Asserted-Identity: <sip:carrier.test>\r\n", "Ann", "+4930111", false),
        ] {
            let Identity { name: got_name, number: got_number, hidden: got_hidden, .. } = read(trusted, lines);
            assert_eq!(
                (got_name.as_str(), got_number.as_str(), got_hidden),
                (name, number, hidden),
                "{trusted} {lines}"
            );
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_line_and_are_cut() {
        let long = "1".repeat(5_000);
        let identity = read(false, &format!("From: \"a\\\"b\" <sip:{long}@x.test>;tag=1\r\n"));
        assert_eq!(identity.number.len(), IDENTITY_BYTES_MAX);
        assert!(identity.shown("pbx.test").starts_with("\"a\\\"b\" <sip:111"));
    }

    #[test]
    fn the_history_of_a_call_passes_within_the_trust_domain_only() {
        let lines =
            "Diversion: <sip:+4930999@c.test>;reason=user-busy\r\nHistory-Info: <sip:+4930999@c.test>;index=1\r\n";
        let told = |trusted: bool, to: bool| {
            let fields = read(trusted, lines).told_to(&Trunk { trusted: to, ..trunk("b") }).fields;
            fields.iter().filter(|(name, _)| matches!(&**name, "Diversion" | "History-Info")).count()
        };
        assert_eq!([told(true, true), told(true, false), told(false, true)], [2, 0, 0]);
    }

    #[test]
    fn a_trunk_is_told_who_calls_in_the_form_it_wants() {
        let open = Identity { name: "Ann".into(), number: "+4930111".into(), ..Identity::default() };
        let hidden = Identity { hidden: true, ..open.clone() };
        let plain = Trunk { from_domain: Some("carrier.test".into()), ..trunk("a") };
        let account = Credentials { user: "account-17".into(), secret: Secret::new("x") };
        let registered = Trunk { credentials: Some(account), ..plain.clone() };
        let trusted = |identity| Trunk { trusted: true, identity, plus: PlusForm::Zeros, ..registered.clone() };
        let pai = "P-Asserted-Identity: \"Ann\" <sip:004930111@carrier.test>";
        let rpid = |privacy: &str| {
            format!("Remote-Party-ID: \"Ann\" <sip:004930111@carrier.test>;party=calling;screen=yes;privacy={privacy}")
        };
        let table = [
            (&open, plain.clone(), "\"Ann\" <sip:+4930111@carrier.test>", vec![]),
            (&open, registered.clone(), "\"Ann\" <sip:account-17@carrier.test>", vec![]),
            (
                &open,
                Trunk { from_user: Some("4930".into()), ..registered.clone() },
                "\"Ann\" <sip:4930@carrier.test>",
                vec![],
            ),
            (&hidden, plain, ANONYMOUS, vec!["Privacy: id".to_owned()]),
            (&open, trusted(IdentityForm::Asserted), "\"Ann\" <sip:account-17@carrier.test>", vec![pai.to_owned()]),
            (&hidden, trusted(IdentityForm::Asserted), ANONYMOUS, vec![pai.to_owned(), "Privacy: id".to_owned()]),
            (&open, trusted(IdentityForm::RemoteParty), "\"Ann\" <sip:account-17@carrier.test>", vec![rpid("off")]),
            (&hidden, trusted(IdentityForm::RemoteParty), ANONYMOUS, vec![rpid("full"), "Privacy: id".to_owned()]),
            (&open, trusted(IdentityForm::From), "\"Ann\" <sip:004930111@carrier.test>", vec![]),
        ];
        for (identity, trunk, from, fields) in table {
            let told = identity.told_to(&trunk);
            let got: Vec<String> = told.fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            assert_eq!((told.from.as_str(), got), (from, fields), "{:?} {:?}", identity.hidden, trunk.identity);
        }
    }
}
