//! [`Authenticator`]: challenges and their answers.

use super::{
    digest::{Challenge, Credentials, Qop},
    nonce::{Nonces, Standing},
};
use crate::{
    flow::Source,
    message::{Header, Message, Scheme, Uri, equivalent},
    settings::{Secret, Settings},
};
use contract::Instant;
use core::fmt;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use zeroize::Zeroizing;

/// What a request's credentials are worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// There are none for our realm, or their nonce is not good any more: answer 401 with [`Authenticator::challenge`]. No failure.
    Challenge {
        /// The digest was right, only the nonce was old: the phone need not ask its user again.
        stale: bool,
    },
    /// They are right and belong to this account.
    Accepted {
        /// Its number.
        number: String,
    },
    /// They were right once: the nonce was used with this count before. Answer as `Challenge { stale: true }`; a failure.
    Replayed,
    /// They are wrong; also when there is no such user, which cannot be told apart. Answer 403; a failure.
    Refused,
}

/// Makes challenges and checks their answers. Realm, algorithms and accounts are those of the settings given each time.
pub struct Authenticator {
    nonces: Nonces,
    /// Stands in for the secret of users that do not exist, so that their requests cost the same work and fail the same way.
    nobodys: Secret,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

impl Authenticator {
    /// `seed` makes the key of the nonces and the secret that stands in for unknown users.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let mut random = ChaCha8Rng::from_seed(seed);
        // A stream of its own, so that who gives the same seed to others does not give them this key.
        random.set_stream(u64::from_be_bytes(*b"digest\0\0"));
        let mut key = Zeroizing::new([0; 32]);
        random.fill_bytes(&mut *key);
        let nobodys = Secret::new(format!("{:016x}", random.next_u64()));
        Self { nonces: Nonces::new(key), nobodys }
    }

    /// The values of WWW-Authenticate for a 401 to `source`, one for each algorithm of the settings in their order (RFC 8760 section 2.3). They share a
    /// nonce, which is good for that source only.
    pub fn challenge(&mut self, now: Instant, settings: &Settings, source: Source, stale: bool) -> Vec<String> {
        let nonce = self.nonces.make(now, source);
        let challenge = |algorithm| Challenge {
            realm: settings.domain.as_str().into(),
            nonce: nonce.as_str().into(),
            algorithm: Some(algorithm),
            qop_auth: true,
            opaque: None,
            stale,
        };
        settings.digest.iter().map(|algorithm| challenge(*algorithm).to_string()).collect()
    }

    /// Judges the Authorization headers of `request`, which came from `source`.
    pub fn verify(&mut self, now: Instant, request: &Message<'_>, settings: &Settings, source: Source) -> Verdict {
        let Some(method) = request.method() else { return Verdict::Refused };
        // RFC 3261 section 22.2: there may be credentials for other realms beside ours.
        let ours = |credentials: &Credentials<'_>| {
            credentials.realm == settings.domain
                && credentials.algorithm.is_some_and(|algorithm| settings.digest.contains(&algorithm))
        };
        let credentials = request
            .headers(Header::Authorization)
            .filter_map(|value| Credentials::parse(value).ok().flatten())
            .find(ours);
        let Some(credentials) = credentials else { return Verdict::Challenge { stale: false } };

        let account = settings.directory.by_auth_user(&credentials.username);
        let secret = account.map_or(&self.nobodys, |account| &account.secret);
        let proven = credentials.prove(method.as_bytes(), secret.expose());
        let standing = self.nonces.judge(now, &credentials.nonce, source);
        let (account, nonce) = match (account.filter(|_| proven), standing) {
            (Some(account), Standing::Good(nonce)) => (account, nonce),
            // RFC 7616 section 3.3: `stale` where only the nonce is at fault. Who knows the secret learns nothing by it.
            (Some(_), Standing::Old | Standing::Foreign) => return Verdict::Challenge { stale: true },
            (None, Standing::Good(_)) => return Verdict::Refused,
            (None, Standing::Old | Standing::Foreign) => return Verdict::Challenge { stale: false },
        };
        if !is_meant(&credentials.uri, request.request_uri().unwrap_or_default(), settings) {
            return Verdict::Refused;
        }
        let count = match credentials.qop {
            Qop::Auth { nc, .. } => nc,
            // Without a count a nonce is good for one use.
            Qop::Legacy | Qop::Other => 1,
        };
        if self.nonces.spend(now, nonce, count) {
            Verdict::Accepted { number: account.number.clone() }
        } else {
            Verdict::Replayed
        }
    }
}

/// Whether credentials computed for the URI `proven` are meant for a request to `asked`.
///
// Deviates: RFC 7616 section 3.4.6 wants the same resource. Phones leave out ports and parameters, write the domain where the Request-URI has an
// address or our address where it has the domain, or leave out the user; these are accepted. Another user or a third host is not.
fn is_meant(proven: &str, asked: &[u8], settings: &Settings) -> bool {
    if proven.as_bytes() == asked {
        return true;
    }
    let (Ok(proven), Ok(asked)) = (Uri::parse(proven.as_bytes()), Uri::parse(asked)) else { return false };
    if equivalent(&proven, &asked) {
        return true;
    }
    let is_sip = |uri: &Uri<'_>| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips);
    let (Some(host), Some(asked_host)) = (proven.host(), asked.host()) else { return false };
    let same_user = proven.user().is_none() || proven.user_decoded() == asked.user_decoded();
    let ours = |host: &str| {
        host.eq_ignore_ascii_case(&settings.domain)
            || settings.listeners.iter().any(|listener| {
                let (advertised, _) = &listener.advertised;
                host.eq_ignore_ascii_case(advertised) || host.parse() == Ok(listener.bound.ip())
            })
    };
    let same_host = host.same(&asked_host) || ours(&host.to_string());
    is_sip(&proven) && is_sip(&asked) && same_user && same_host
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::digest::{Client, authorize},
        flow::Transport,
        limits::NONCE_LIFE,
        message::Index,
        settings::{
            CallSettings, CallerId, Codes, DialPlan, DigestAlgorithm, Directory, Dtmf, Extension, Forward, Host,
            Listener, MediaSettings, Nat, Permissions, Place, RegistrationSettings,
        },
    };
    use core::time::Duration;

    fn settings() -> Settings {
        let extension = Extension {
            number: "1001".to_owned(),
            name: "Alice".to_owned(),
            auth_user: "alice-desk".to_owned(),
            secret: Secret::new("first-wheel"),
            caller_id: CallerId::default(),
            language: "en".to_owned(),
            call_groups: Vec::new(),
            pickup_groups: Vec::new(),
            context: "internal".to_owned(),
            host: Host::Dynamic,
            permissions: Permissions::default(),
            call_limit: 4,
            codecs: Vec::new(),
            nat: Nat::Auto,
            dtmf: Dtmf::default(),
            encryption: crate::settings::Encryption::default(),
            music: "default".into(),
            record: None,
            no_answer_after: Duration::from_secs(30),
            visibility: crate::settings::Visibility::default(),
            forward: Forward::default(),
            place: Place::default(),
        };
        Settings {
            node: contract::NodeId(0),
            domain: "pbx.test".to_owned(),
            listeners: Vec::new(),
            media: MediaSettings {
                shards: 1,
                advertised_v4: None,
                advertised_v6: None,
                silence_timeout: Duration::from_secs(60),
                transcode: false,
                g729: false,
            },
            media_fingerprint: None,
            registration: RegistrationSettings {
                expires_min: Duration::from_secs(60),
                expires_max: Duration::from_secs(3600),
                expires_default: Duration::from_secs(3600),
            },
            subscription: crate::settings::SubscriptionSettings::default(),
            messages: crate::settings::MessageSettings::default(),
            digest: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            recording: crate::settings::RecordingSettings::default(),
            calls: CallSettings {
                length_max: Duration::from_secs(7200),
                ring_max: Duration::from_secs(60),
                calls_max: 10,
                session_expires: Duration::from_secs(1800),
            },
            directory: Directory::new([extension]),
            codes: Codes::default(),
            trunks: crate::settings::Trunks::default(),
            dial: DialPlan::default(),
        }
    }

    /// One try at the exchange.
    struct Try<'a> {
        user: &'a str,
        secret: &'a str,
        uri: &'a str,
        asked: &'a str,
        method: &'a str,
        nc: u32,
        challenge: &'a str,
    }

    impl<'a> Try<'a> {
        const fn right(challenge: &'a str) -> Self {
            Try {
                user: "alice-desk",
                secret: "first-wheel",
                uri: "sip:pbx.test",
                asked: "sip:pbx.test",
                method: "REGISTER",
                nc: 1,
                challenge,
            }
        }

        fn verdict(&self, authenticator: &mut Authenticator, now: Instant) -> Verdict {
            let challenge = Challenge::parse(self.challenge.as_bytes()).expect("grammar").expect("Digest");
            let client = Client {
                user: self.user,
                secret: self.secret,
                method: b"REGISTER",
                uri: self.uri,
                cnonce: "c",
                nc: self.nc,
            };
            let value = authorize(&challenge, &client).expect("served");
            judged(authenticator, now, self.method, self.asked, &format!("Authorization: {value}\r\n"))
        }
    }

    fn judged(authenticator: &mut Authenticator, now: Instant, method: &str, uri: &str, lines: &str) -> Verdict {
        let bytes = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:1001@pbx.test>;tag=1\r\nTo: <sip:1001@pbx.test>\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let mut index = Index::new();
        let request = index.parse(bytes.as_bytes()).expect("SIP");
        assert_eq!(request.check(), Ok(()));
        authenticator.verify(now, &request, &settings(), source())
    }

    fn source() -> Source {
        Source::of([192, 0, 2, 1].into())
    }

    const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

    fn begun() -> (Authenticator, Vec<String>) {
        let mut authenticator = Authenticator::new([1; 32]);
        let challenges = authenticator.challenge(NOW, &settings(), source(), false);
        (authenticator, challenges)
    }

    fn accepted() -> Verdict {
        Verdict::Accepted { number: "1001".to_owned() }
    }

    #[test]
    fn both_algorithms_are_offered_and_accepted() {
        let (mut authenticator, challenges) = begun();
        assert!(challenges[0].contains("SHA-256") && challenges[1].contains("MD5") && challenges.len() == 2);
        assert_eq!(Try::right(&challenges[0]).verdict(&mut authenticator, NOW), accepted());
        assert_eq!(Try { nc: 2, ..Try::right(&challenges[1]) }.verdict(&mut authenticator, NOW), accepted());
    }

    #[test]
    fn no_or_foreign_credentials_are_a_challenge() {
        let (mut authenticator, _) = begun();
        let fresh = Verdict::Challenge { stale: false };
        let tables = [
            "",
            // RFC 4475 section 3.3.7.
            "Authorization: NoOneKnowsThisScheme opaque-data=here\r\n",
            "Authorization: Digest username=\"open\r\n",
            "Authorization: Digest username=\"a\",realm=\"elsewhere\",nonce=\"c\",uri=\"d\",response=\"e\"\r\n",
            "Proxy-Authorization: Digest username=\"a\",realm=\"pbx.test\",nonce=\"c\",uri=\"d\",response=\"e\"\r\n",
            "Authorization: Digest username=\"a\",realm=\"pbx.test\",nonce=\"c\",uri=\"d\",response=\"e\",algorithm=SHA-512\r\n",
        ];
        for lines in tables {
            assert_eq!(judged(&mut authenticator, NOW, "REGISTER", "sip:pbx.test", lines), fresh, "{lines}");
        }
    }

    #[test]
    fn a_wrong_secret_and_an_unknown_user_end_alike() {
        let (mut authenticator, challenges) = begun();
        for challenge in &challenges {
            let wrong = Try { secret: "guess", ..Try::right(challenge) };
            let unknown = Try { user: "mallory", ..Try::right(challenge) };
            let number = Try { user: "1001", ..Try::right(challenge) };
            for attempt in [wrong, unknown, number] {
                assert_eq!(attempt.verdict(&mut authenticator, NOW), Verdict::Refused);
                let late = NOW + NONCE_LIFE;
                assert_eq!(attempt.verdict(&mut authenticator, late), Verdict::Challenge { stale: false });
            }
        }
        // A wrong answer uses up nothing.
        assert_eq!(Try::right(&challenges[0]).verdict(&mut authenticator, NOW), accepted());
    }

    #[test]
    fn nobody_fails_in_the_name_of_another_address() {
        let (mut authenticator, challenges) = begun();
        let elsewhere = Source::of([192, 0, 2, 2].into());
        let theirs = authenticator.challenge(NOW, &settings(), elsewhere, false);
        // With a nonce of its own a forger of our address can only be challenged, and whoever overheard a right answer too.
        let wrong = Try { secret: "guess", ..Try::right(&theirs[0]) };
        assert_eq!(wrong.verdict(&mut authenticator, NOW), Verdict::Challenge { stale: false });
        assert_eq!(Try::right(&theirs[0]).verdict(&mut authenticator, NOW), Verdict::Challenge { stale: true });
        assert_eq!(Try::right(&challenges[0]).verdict(&mut authenticator, NOW), accepted());
    }

    #[test]
    fn an_answer_is_taken_once() {
        let (mut authenticator, challenges) = begun();
        let first = Try::right(&challenges[0]);
        assert_eq!(first.verdict(&mut authenticator, NOW), accepted());
        assert_eq!(first.verdict(&mut authenticator, NOW), Verdict::Replayed);
        assert_eq!(Try { nc: 2, ..first }.verdict(&mut authenticator, NOW), accepted());
    }

    #[test]
    fn a_right_answer_to_an_old_nonce_is_stale() {
        let (mut authenticator, challenges) = begun();
        let right = Try::right(&challenges[0]);
        let stale = Verdict::Challenge { stale: true };
        assert_eq!(right.verdict(&mut authenticator, NOW + NONCE_LIFE), stale);
        // Another exchange, or ours after a restart.
        assert_eq!(right.verdict(&mut Authenticator::new([2; 32]), NOW), stale);
        assert!(authenticator.challenge(NOW, &settings(), source(), true)[0].contains("stale=true"));
    }

    #[test]
    fn an_answer_for_another_method_or_resource_is_refused() {
        let (mut authenticator, challenges) = begun();
        let right = Try::right(&challenges[0]);
        assert_eq!(Try { method: "INVITE", ..right }.verdict(&mut authenticator, NOW), Verdict::Refused);
        let right = Try::right(&challenges[0]);
        let refused = Try { asked: "sip:1002@pbx.test", uri: "sip:1003@pbx.test", ..right };
        assert_eq!(refused.verdict(&mut authenticator, NOW), Verdict::Refused);
    }

    #[test]
    fn phones_write_the_digest_uri_in_many_ways() {
        let mut settings = settings();
        let bound = "192.0.2.5:5060".parse().unwrap();
        settings.listeners =
            vec![Listener { transport: Transport::Udp, bound, advertised: ("203.0.113.7".to_owned(), 5060) }];
        let meant = |proven: &str, asked: &str| is_meant(proven, asked.as_bytes(), &settings);
        for (proven, asked, yes) in [
            ("sip:pbx.test", "sip:pbx.test", true),
            ("sip:PBX.test", "sip:pbx.test", true),
            ("sip:pbx.test", "sip:pbx.test;transport=tcp", true),
            ("sip:pbx.test:5060", "sip:pbx.test", true),
            ("sip:pbx.test", "sip:192.0.2.1:5060", true),
            ("sip:192.0.2.1:5060", "sip:1002@192.0.2.1:5060", true),
            ("sip:192.0.2.5:5060", "sip:pbx.test", true),
            ("sip:203.0.113.7", "sip:1002@pbx.test", true),
            ("sip:192.0.2.6", "sip:pbx.test", false),
            ("sip:1002@192.0.2.1", "sip:1002@192.0.2.1:5060;user=phone", true),
            ("sip:1003@192.0.2.1", "sip:1002@192.0.2.1", false),
            ("sip:1002@192.0.2.9", "sip:1002@192.0.2.1", false),
            ("tel:1002", "sip:1002@192.0.2.1", false),
            ("tel:1002", "tel:1002", true),
            ("", "sip:pbx.test", false),
        ] {
            assert_eq!(meant(proven, asked), yes, "{proven} for {asked}");
        }
    }

    #[test]
    fn without_qop_a_nonce_is_good_once_and_for_md5_alone() {
        let (mut authenticator, challenges) = begun();
        for (challenge, first) in [(&challenges[0], Verdict::Refused), (&challenges[1], accepted())] {
            let legacy = challenge.replace(", qop=\"auth\"", "");
            let right = Try::right(&legacy);
            assert_eq!(right.verdict(&mut authenticator, NOW), first);
        }
        let legacy = challenges[1].replace(", qop=\"auth\"", "");
        assert_eq!(Try::right(&legacy).verdict(&mut authenticator, NOW), Verdict::Replayed);
    }
}
