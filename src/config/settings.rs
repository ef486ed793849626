//! From the configuration to the value signaling reads.

use super::{
    CodecName, Config, DigestName, DtmfMode, Encryption, Extension, NatMode, RecordingChannels, Sip, Visibility,
    dial::Schedules,
};
use contract::{Codec, NodeId};
use signaling::settings::{
    self, CallSettings, CallerId, Codes, DialPlan, DigestAlgorithm, Directory, Dtmf, Extension as Account, Host,
    Listener, MediaSettings, MessageSettings, Nat, Permissions, RecordingSettings, RegistrationSettings, Settings,
    SubscriptionSettings, Trunks,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Whether the media plane of this version makes one codec of another.
const TRANSCODES: bool = true;

impl Config {
    /// The settings of a `Pbx` whose `listeners` are bound and whose media plane has `shards` shards.
    #[must_use]
    pub fn signaling(&self, listeners: Vec<Listener>, shards: u16) -> Settings {
        let registration = self.server.sip.registration;
        let advertised = self.server.rtp.advertise.unwrap_or_else(|| local_address(self.server.rtp.bind));
        let schedules = self.schedules();
        Settings {
            node: NodeId::default(),
            domain: self.server.domain.clone(),
            listeners,
            media: MediaSettings {
                shards: shards.max(1),
                advertised_v4: advertised.is_ipv4().then_some(advertised),
                advertised_v6: advertised.is_ipv6().then_some(advertised),
                silence_timeout: self.server.rtp.timeout,
                transcode: TRANSCODES,
                g729: crate::media::makes_g729(),
            },
            media_fingerprint: None,
            registration: RegistrationSettings {
                expires_min: registration.min,
                expires_max: registration.max,
                expires_default: registration.default,
            },
            subscription: SubscriptionSettings {
                expires_min: self.server.sip.subscription.min,
                expires_max: self.server.sip.subscription.max,
                expires_default: self.server.sip.subscription.default,
            },
            messages: MessageSettings { kept_max: self.features.messages.max, keep: self.features.messages.keep },
            digest: (self.server.sip.digest.iter())
                .map(|algorithm| match algorithm {
                    DigestName::Md5 => DigestAlgorithm::Md5,
                    DigestName::Sha256 => DigestAlgorithm::Sha256,
                })
                .collect(),
            recording: RecordingSettings {
                auto: self.features.recording.auto,
                bridged_only: self.features.recording.bridged_only,
                apart: self.features.recording.channels == RecordingChannels::Parties,
                rate_hz: self.features.recording.rate,
            },
            calls: CallSettings {
                length_max: self.server.call_length_max,
                ring_max: super::Forward::default().no_answer_after,
                calls_max: self.server.calls_max,
                session_expires: self.server.sip.session_expires,
            },
            directory: Directory::new(self.extensions.iter().map(|extension| account(self, extension, &schedules))),
            codes: Codes {
                echo: self.features.codes.echo.clone(),
                blind_transfer: self.features.codes.blind_transfer.clone(),
                attended_transfer: self.features.codes.attended_transfer.clone(),
                transfer_abort: self.features.codes.transfer_abort.clone(),
                transfer_three_way: self.features.codes.transfer_three_way.clone(),
            },
            trunks: Trunks::new(self.trunks.iter().map(super::Trunk::signaling)),
            dial: DialPlan::new(self.rules(&schedules)),
        }
    }
}

impl Config {
    /// Moves the SIP listeners (not the API) and the media ports to `address`, ports unchanged: `run --dev --listen ADDRESS`.
    pub fn listen_on(&mut self, address: IpAddr) {
        for listen in &mut self.server.sip.listen {
            listen.address.set_ip(address);
        }
        self.server.rtp.bind = address;
    }
}

impl Sip {
    /// Host and port for Via and Contact of a listener bound to `bound`.
    #[must_use]
    pub fn advertised(&self, bound: SocketAddr) -> (String, u16) {
        let host = self.advertise.clone().unwrap_or_else(|| local_address(bound.ip()).to_string());
        // RFC 3261 section 25.1: an IPv6 address in a URI or Via is an IPv6reference, in brackets.
        let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host };
        (host, bound.port())
    }
}

/// The address others reach us by when we are bound to `bound`: itself, or for the wildcard the one of the default route (loopback without one).
#[must_use]
pub fn local_address(bound: IpAddr) -> IpAddr {
    if !bound.is_unspecified() {
        return bound;
    }
    // Connecting a datagram socket sends nothing; it makes the system choose the source address. The targets are documentation addresses.
    let (any, target, loopback): (IpAddr, IpAddr, IpAddr) = match bound {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => {
            let target = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            (Ipv6Addr::UNSPECIFIED.into(), target.into(), Ipv6Addr::LOCALHOST.into())
        }
    };
    UdpSocket::bind((any, 0))
        .and_then(|socket| socket.connect((target, 9)).and_then(|()| socket.local_addr()))
        .map_or(loopback, |address| address.ip())
}

fn account(config: &Config, extension: &Extension, schedules: &Schedules) -> Account {
    let permissions = extension.permissions;
    Account {
        number: extension.number.clone(),
        name: extension.name.clone(),
        auth_user: extension.auth_user.clone(),
        secret: extension.secret.clone(),
        caller_id: CallerId { name: extension.caller_id.name.clone(), number: extension.caller_id.number.clone() },
        language: extension.language.clone(),
        call_groups: extension.call_group.clone(),
        pickup_groups: extension.pickup_group.clone(),
        context: extension.context.clone(),
        host: match extension.host.as_str() {
            "dynamic" => Host::Dynamic,
            uri => Host::Fixed(uri.to_owned()),
        },
        permissions: Permissions {
            external: permissions.external,
            international: permissions.international,
            monitor: permissions.monitor,
            whisper: permissions.whisper,
            barge: permissions.barge,
            pickup: permissions.pickup,
            transfer: permissions.transfer,
        },
        call_limit: extension.call_limit,
        codecs: extension.codecs.iter().copied().map(codec).collect(),
        nat: nat(extension.nat),
        music: extension.music_on_hold.clone(),
        dtmf: dtmf(extension.dtmf),
        encryption: encryption(extension.media_encryption),
        record: extension.record,
        no_answer_after: extension.forward.no_answer_after,
        visibility: match extension.visibility {
            Visibility::Full => settings::Visibility::Full,
            Visibility::Busy => settings::Visibility::Busy,
            Visibility::Hidden => settings::Visibility::Hidden,
        },
        forward: config.forward(extension, schedules),
        place: config.place(&format!("extensions[{}]", extension.number)),
    }
}

pub(super) const fn nat(mode: NatMode) -> Nat {
    match mode {
        NatMode::Auto => Nat::Auto,
        NatMode::Yes => Nat::Yes,
        NatMode::No => Nat::No,
    }
}

pub(super) const fn dtmf(mode: DtmfMode) -> Dtmf {
    match mode {
        DtmfMode::Rfc4733 => Dtmf::Rfc4733,
        DtmfMode::Inband => Dtmf::Inband,
        DtmfMode::Info => Dtmf::Info,
        DtmfMode::Auto => Dtmf::Auto,
    }
}

pub(super) const fn encryption(mode: Encryption) -> settings::Encryption {
    match mode {
        Encryption::Off => settings::Encryption::Off,
        Encryption::Optional => settings::Encryption::Optional,
        Encryption::Required => settings::Encryption::Required,
    }
}

pub(super) const fn codec(name: CodecName) -> Codec {
    match name {
        CodecName::Opus => Codec::Opus,
        CodecName::G722 => Codec::G722,
        CodecName::Pcma => Codec::Pcma,
        CodecName::Pcmu => Codec::Pcmu,
        CodecName::G729 => Codec::G729,
    }
}
