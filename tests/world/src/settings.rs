//! The exchange's configuration in the world: a few accounts, four listeners, limits from the swarm.

use crate::{rng::Rng, swarm::Swarm};
use contract::{Codec, NodeId};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    flow::Transport,
    settings::{
        CallSettings, CallerId, Codes, Destination, DialPlan, DigestAlgorithm, Directory, Dtmf, Encryption, Extension,
        Forward, Host, Listener, MediaSettings, MessageSettings, Nat, Permissions, Place, RegistrationSettings, Secret,
        Settings, SubscriptionSettings, Visibility,
    },
};
use std::sync::Arc;

/// SIP domain and digest realm.
pub(crate) const DOMAIN: &str = "exchange.example";
/// The echo test.
pub(crate) const ECHO: &str = "*43";
/// Addresses that the exchange writes into its descriptions.
pub(crate) const MEDIA_V4: [u8; 4] = [192, 0, 2, 9];
pub(crate) const MEDIA_V6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 9];

/// The listeners: datagrams and streams, both families.
pub(crate) fn listeners() -> Vec<Listener> {
    let v4: SocketAddr = ([192, 0, 2, 1], 5060).into();
    let v6: SocketAddr = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5060).into();
    [(Transport::Udp, v4), (Transport::Tcp, v4), (Transport::Udp, v6), (Transport::Tcp, v6)]
        .into_iter()
        .map(|(transport, bound)| Listener { transport, bound, advertised: (bound.ip().to_string(), 5060) })
        .collect()
}

/// Number of the `n`-th account.
pub(crate) fn number(n: u64) -> String {
    format!("{}", 1001 + n)
}

/// The password of an account.
pub(crate) fn password(number: &str) -> String {
    format!("Secret-{number}-of-the-world")
}

/// The configuration of this run; `rng` draws what differs between accounts.
pub(crate) fn settings(swarm: &Swarm, rng: &mut Rng) -> Arc<Settings> {
    let extensions: Vec<Extension> = (0..swarm.accounts).map(|n| extension(n, swarm, rng)).collect();
    Arc::new(Settings {
        node: NodeId(3),
        domain: DOMAIN.to_owned(),
        listeners: listeners(),
        media: MediaSettings {
            shards: 2,
            advertised_v4: Some(MEDIA_V4.into()),
            advertised_v6: Some(MEDIA_V6.into()),
            silence_timeout: swarm.silence_timeout,
            // Half the worlds turn codecs into one another.
            transcode: swarm.accounts.is_multiple_of(2),
            g729: swarm.accounts.is_multiple_of(4),
        },
        media_fingerprint: None,
        registration: RegistrationSettings {
            expires_min: Duration::from_secs(60),
            expires_max: swarm.expires_max,
            expires_default: Duration::from_secs(120),
        },
        recording: signaling::settings::RecordingSettings::default(),
        subscription: SubscriptionSettings {
            expires_min: Duration::from_secs(60),
            expires_max: swarm.expires_max,
            expires_default: Duration::from_secs(120),
        },
        messages: MessageSettings { kept_max: 3, keep: Duration::from_secs(240) },
        calls: CallSettings {
            length_max: swarm.length_max,
            ring_max: swarm.ring_max,
            calls_max: usize::try_from(swarm.calls_max).unwrap_or(usize::MAX),
            session_expires: swarm.session_expires,
        },
        directory: Directory::new(extensions),
        digest: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
        codes: Codes { echo: Some(ECHO.to_owned()), ..Codes::default() },
        trunks: signaling::settings::Trunks::default(),
        dial: DialPlan::default(),
    })
}

fn extension(n: u64, swarm: &Swarm, rng: &mut Rng) -> Extension {
    let number = number(n);
    let codecs: [&[Codec]; 4] = [&[], &[], &[Codec::Pcma, Codec::Pcmu], &[Codec::Pcmu, Codec::Pcma, Codec::G722]];
    Extension {
        name: format!("Person {number}"),
        auth_user: if n.is_multiple_of(2) { number.clone() } else { format!("user-{number}") },
        secret: Secret::new(password(&number)),
        caller_id: CallerId { name: format!("Person {number}"), number: number.clone() },
        language: "en".to_owned(),
        call_groups: Vec::new(),
        pickup_groups: Vec::new(),
        context: "internal".to_owned(),
        host: Host::Dynamic,
        permissions: Permissions { transfer: rng.clone().chance(90), ..Permissions::default() },
        call_limit: usize::try_from(swarm.call_limit).unwrap_or(1),
        codecs: rng.pick(&codecs).to_vec(),
        dtmf: *rng.clone().pick(&[Dtmf::Rfc4733, Dtmf::Info, Dtmf::Auto, Dtmf::Inband]),
        encryption: *rng.clone().pick(&[Encryption::Off, Encryption::Optional]),
        music: "default".to_owned(),
        nat: if swarm.nat_percent > 0 {
            *rng.pick(&[Nat::Auto, Nat::Yes])
        } else {
            *rng.pick(&[Nat::Auto, Nat::Yes, Nat::No])
        },
        record: None,
        no_answer_after: swarm.ring_max,
        visibility: *rng.clone().pick(&[Visibility::Full, Visibility::Full, Visibility::Busy, Visibility::Hidden]),
        forward: forward(swarm, &mut rng.clone()),
        place: Place::default(),
        number,
    }
}

/// Some accounts lead their calls on: to another, in a circle, to themselves, to nobody, or to what is not built.
fn forward(swarm: &Swarm, rng: &mut Rng) -> Forward {
    let mut to = || {
        let account = Destination::Number(number(rng.below(swarm.accounts + 1)));
        let others = [account.clone(), account, Destination::Voicemail(None), Destination::HangUp];
        rng.chance(20).then(|| rng.pick(&others).clone())
    };
    Forward { busy: to(), no_answer: to(), unreachable: to(), ..Forward::default() }
}
