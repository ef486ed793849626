//! Trunks through the whole exchange, by providers and phones made of text.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that finds another thing than it wants fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod decisions;
mod inbound;
mod names;
mod outbound;
mod probing;
mod reconfigured;
mod registering;
mod transferred;

use common::{Line, Phone, Sip, line::settings};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    fact::Fact,
    settings::{
        Credentials, Destination, DialPlan, Did, Dtmf, EarlyMedia, Encryption, IdentityForm, Nat, Place, PlusForm,
        Rules, Secret, Settings, Trunk, Trunks, When,
    },
};

/// A trunk at 10.0.1.NUMBER that is neither registered with nor asked.
fn trunk(name: &str, number: u8) -> Trunk {
    Trunk {
        name: name.into(),
        server: format!("sip:10.0.1.{number}:5060"),
        register: None,
        credentials: None,
        from_user: None,
        from_domain: None,
        contact_user: name.into(),
        context: "inbound".into(),
        codecs: Vec::new(),
        dtmf: Dtmf::default(),
        encryption: Encryption::Off,
        nat: Nat::Auto,
        calls_max: 30,
        calls_per_second_max: 100,
        probe_every: None,
        answer_timeout: Duration::from_secs(3),
        ring_timeout: Duration::from_secs(60),
        prefer: 10,
        weight: 1,
        allow_from: Vec::new(),
        trusted: false,
        identity: IdentityForm::default(),
        plus: PlusForm::default(),
        early_media: EarlyMedia::default(),
        headers: Vec::new(),
        statuses: std::collections::BTreeMap::new(),
    }
}

fn registering(name: &str, number: u8) -> Trunk {
    let credentials = Credentials { user: "account-17".into(), secret: Secret::new(common::line::SECRET) };
    Trunk { register: Some(Duration::from_secs(600)), credentials: Some(credentials), ..trunk(name, number) }
}

/// Where a trunk's server is.
fn at(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number], 5060))
}

fn with(trunks: impl IntoIterator<Item = Trunk>) -> Settings {
    Settings {
        trunks: Trunks::new(trunks),
        dial: DialPlan::new(Rules { dids: vec![did()], ..Rules::default() }),
        ..settings()
    }
}

/// The direct number 1002 leads to the account of that number.
fn did() -> Did {
    Did {
        number: "1002".into(),
        to: Destination::Number("1002".into()),
        when: When::default(),
        otherwise: None,
        place: Place::default(),
    }
}

/// The line with these trunks, at its first tick.
fn begun(trunks: impl IntoIterator<Item = Trunk>) -> Line {
    let mut line = Line::with(with(trunks));
    line.pass(Duration::from_millis(100));
    line
}

/// Answers a request of ours as a server does.
fn answer(line: &mut Line, number: u8, request: &Sip, status: u16, headers: &str) {
    let vias: String = request.all("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
    let to = request.header("To");
    let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag=s{number}") };
    line.send(
        at(number),
        &format!(
            "SIP/2.0 {status} Answer\r\n{vias}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}Content-Length: 0\r\n\r\n",
            request.header("From"),
            request.header("Call-ID"),
            request.header("CSeq"),
        ),
    );
}

/// What was told of trunks, in order: name, and why it is down.
fn told(line: &Line) -> Vec<(String, Option<&'static str>)> {
    let told = line.facts.iter().filter_map(|fact| match fact {
        Fact::TrunkUp { trunk } => Some((trunk.clone(), None)),
        Fact::TrunkDown { trunk, why } => Some((trunk.clone(), Some(*why))),
        _ => None,
    });
    told.collect()
}

/// The only trunk as seen from outside.
fn view(line: &mut Line) -> signaling::effect::TrunkView {
    match line.order(signaling::input::Command::ListTrunks) {
        signaling::effect::Reply::Trunks(mut trunks) => trunks.remove(0),
        other => panic!("{other:?}"),
    }
}

/// Boris, registered.
fn boris(line: &mut Line) -> Phone {
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    assert_eq!(boris.register(line).status(), 200);
    boris
}
