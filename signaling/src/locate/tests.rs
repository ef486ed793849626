//! RFC 3263 section 4 by table: what a zone says, what is asked, and where a request goes. Names are those of the RFC's own example where it has one.

use super::*;
use crate::{
    dns::{Record, RecordKind},
    limits::{LOCATE_FAILED_LIFE, LOCATE_NOTHING_LIFE_MAX, LOCATE_TARGETS_MAX},
};
use core::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// `name kind values`, one record a line, as in a zone file.
fn zone(lines: &str) -> BTreeMap<Question, Vec<Record>> {
    let mut zone = BTreeMap::<Question, Vec<Record>>::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<u16>().expect("a number");
        let name = |at: usize| words[at].trim_end_matches('.').to_owned();
        let (kind, record) = match words[1] {
            "NAPTR" => (
                RecordKind::Naptr,
                Record::Naptr {
                    order: number(2),
                    preference: number(3),
                    flags: words[4].to_owned(),
                    service: words[5].to_owned(),
                    replacement: name(6),
                },
            ),
            "SRV" => (
                RecordKind::Srv,
                Record::Srv { priority: number(2), weight: number(3), port: number(4), target: name(5) },
            ),
            "A" => (RecordKind::A, Record::Address(words[2].parse().expect("an address"))),
            "AAAA" => (RecordKind::Aaaa, Record::Address(words[2].parse().expect("an address"))),
            other => panic!("{other}"),
        };
        zone.entry(Question { name: name(0), kind }).or_default().push(record);
    }
    zone
}

/// `sip:host:port;transport=…`, roughly.
fn place(uri: &str) -> Place {
    let (scheme, rest) = uri.split_once(':').expect("a scheme");
    let (rest, transport) = rest.split_once(";transport=").map_or((rest, None), |(rest, name)| (rest, Some(name)));
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, port.parse().ok()));
    let transport = transport.map(|name| match name {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        other => panic!("{other}"),
    });
    Place { host: host.into(), port, transport, secure: scheme == "sips" }
}

/// Everything, in both families.
fn all() -> Able {
    let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
    Able::new(transports.into_iter().flat_map(|transport| [(transport, true), (transport, false)]))
}

fn v4(transports: &[Transport]) -> Able {
    Able::new(transports.iter().map(|transport| (*transport, true)))
}

/// Looks with name servers that answer at once; what was found and what was asked.
fn look(uri: &str, able: &Able, seed: u64, zone: &BTreeMap<Question, Vec<Record>>) -> (Vec<String>, Vec<String>) {
    let mut locator = Locator::default();
    let mut ask = Vec::new();
    let mut asked = Vec::new();
    let now = Instant::from_nanos(0);
    let mut progress = locator.begin(now, Seeker::Request(1), (Arc::new(place(uri)), able.clone(), seed), &mut ask);
    while let Some((id, question)) = ask.pop() {
        asked.push(format!("{question:?}"));
        let resolution = match zone.get(&question) {
            Some(records) => Resolution::Found { records: records.clone(), ttl: Duration::from_secs(60) },
            None => Resolution::Nothing { ttl: Duration::from_secs(60) },
        };
        for (_, targets) in locator.resolved(now, id, resolution, &mut ask).expect("it is open") {
            progress = Progress::Found(targets);
        }
        locator.check().expect("it holds together");
    }
    let Progress::Found(targets) = progress else { panic!("{uri}: {progress:?}") };
    asked.sort();
    (targets.iter().map(|target| format!("{} {}", target.transport, target.remote)).collect(), asked)
}

/// RFC 3263 section 4.1 and 4.2, with its example.
const EXAMPLE: &str = "
    example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com.
    example.com NAPTR 90 50 s SIP+D2T _sip._tcp.example.com.
    example.com NAPTR 100 50 s SIP+D2U _sip._udp.example.com.
    _sip._tcp.example.com SRV 0 1 5060 server1.example.com.
    _sip._tcp.example.com SRV 1 1 5062 server2.example.com.
    _sips._tcp.example.com SRV 0 1 5061 server1.example.com.
    server1.example.com A 192.0.2.1
    server2.example.com A 192.0.2.2
    server2.example.com AAAA 2001:db8::2
    plain.example.com A 192.0.2.7
    plain.example.com A 192.0.2.8
    gone.example.com A 192.0.2.9
    _sip._udp.gone.example.com SRV 0 0 5060 .
    odd.example.com NAPTR 1 1 u SIP+D2U _x.example.com.
    odd.example.com NAPTR 1 1 s SIP+D2S _sip._sctp.example.com.
    odd.example.com NAPTR 1 1 s E2U+sip _y.example.com.
    odd.example.com AAAA 2001:db8::9
    bad.example.com A 0.0.0.0
    bad.example.com A 224.0.1.75";

#[test]
fn requests_go_where_the_zone_says() {
    let zone = zone(EXAMPLE);
    let (udp, tcp) = (v4(&[Transport::Udp]), v4(&[Transport::Udp, Transport::Tcp]));
    let table: &[(&str, &Able, &[&str])] = &[
        // Section 4.1: the order of NAPTR, then that of SRV.
        ("sip:example.com", &tcp, &["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5062"]),
        (
            "sip:example.com",
            &all(),
            &["tls 192.0.2.1:5061", "tcp 192.0.2.1:5060", "tcp [2001:db8::2]:5062", "tcp 192.0.2.2:5062"],
        ),
        // Section 4.1: "sips" discards what is not over TLS.
        ("sips:example.com", &all(), &["tls 192.0.2.1:5061"]),
        ("sips:example.com", &tcp, &[]),
        // Section 4.1: a named transport leaves out NAPTR.
        ("sip:example.com;transport=tcp", &tcp, &["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5062"]),
        // Section 4.2: the service has no SRV records, so the host itself is asked for.
        ("sip:plain.example.com;transport=udp", &udp, &["udp 192.0.2.7:5060", "udp 192.0.2.8:5060"]),
        ("sip:plain.example.com", &all(), &["udp 192.0.2.7:5060", "udp 192.0.2.8:5060"]),
        ("sips:plain.example.com", &all(), &["tls 192.0.2.7:5061", "tls 192.0.2.8:5061"]),
        ("sip:plain.example.com;transport=tls", &all(), &["tls 192.0.2.7:5061", "tls 192.0.2.8:5061"]),
        ("sip:plain.example.com", &v4(&[Transport::Tcp]), &["tcp 192.0.2.7:5060", "tcp 192.0.2.8:5060"]),
        // Section 4.2: a port leaves out SRV.
        ("sip:plain.example.com:5090", &udp, &["udp 192.0.2.7:5090", "udp 192.0.2.8:5090"]),
        ("sip:example.com:5090", &udp, &[]),
        ("sip:plain.example.com:5090;transport=tcp", &udp, &[]),
        ("sip:plain.example.com:0", &udp, &[]),
        // RFC 2782: decidedly not there.
        ("sip:gone.example.com", &udp, &[]),
        // NAPTR records of other services are not ours.
        ("sip:odd.example.com", &all(), &["udp [2001:db8::9]:5060"]),
        ("sip:odd.example.com", &udp, &[]),
        ("sip:bad.example.com", &udp, &[]),
        ("sip:nobody.example.com", &all(), &[]),
        ("sip:plain.example.com", &v4(&[Transport::Ws]), &[]),
    ];
    for (uri, able, wanted) in table {
        assert_eq!(look(uri, able, 7, &zone).0, *wanted, "{uri}");
    }
}

#[test]
fn nothing_is_asked_that_is_not_needed() {
    let zone = zone(EXAMPLE);
    let udp = v4(&[Transport::Udp]);
    let table: &[(&str, &[&str])] = &[
        ("sip:plain.example.com:5090", &["A plain.example.com"]),
        ("sip:plain.example.com;transport=udp", &["A plain.example.com", "Srv _sip._udp.plain.example.com"]),
        (
            "sip:plain.example.com",
            &["A plain.example.com", "Naptr plain.example.com", "Srv _sip._udp.plain.example.com"],
        ),
        ("sip:example.com;transport=tcp", &[]),
    ];
    for (uri, wanted) in table {
        assert_eq!(look(uri, &udp, 7, &zone).1, *wanted, "{uri}");
    }
}

#[test]
fn equal_priorities_share_by_weight_and_every_server_is_tried() {
    let zone = zone(
        "_sip._udp.w.test SRV 1 3 5060 a.w.test.
         _sip._udp.w.test SRV 1 1 5060 b.w.test.
         _sip._udp.w.test SRV 1 0 5060 c.w.test.
         _sip._udp.w.test SRV 2 0 5060 d.w.test.
         a.w.test A 192.0.2.1
         b.w.test A 192.0.2.2
         c.w.test A 192.0.2.3
         d.w.test A 192.0.2.4",
    );
    let udp = v4(&[Transport::Udp]);
    let mut first = BTreeMap::<String, usize>::new();
    for seed in 0..4_000 {
        let (mut found, _) = look("sip:w.test;transport=udp", &udp, seed, &zone);
        assert_eq!(found[3], "udp 192.0.2.4:5060", "the lower priority is the last");
        *first.entry(found[0].clone()).or_default() += 1;
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 4);
    }
    let share = |last: u8| first.get(&format!("udp 192.0.2.{last}:5060")).copied().unwrap_or(0);
    // RFC 2782: a number from 0 to the sum of the weights, both included; 0 falls to the one of weight 0.
    assert!((2_200..2_600).contains(&share(1)), "{first:?}");
    assert!((650..950).contains(&share(2)), "{first:?}");
    assert!((650..950).contains(&share(3)), "{first:?}");
    assert_eq!(look("sip:w.test;transport=udp", &udp, 5, &zone), look("sip:w.test;transport=udp", &udp, 5, &zone));
}

#[test]
fn a_zone_without_end_gives_a_list_with_one() {
    let records = (0..500).map(|at| format!("_sip._udp.big.test SRV 1 1 5060 h{at}.test.\nh{at}.test A 192.0.2.1\n"));
    let zone = zone(&records.collect::<String>());
    let (found, asked) = look("sip:big.test;transport=udp", &v4(&[Transport::Udp]), 1, &zone);
    assert_eq!(found.len(), LOCATE_TARGETS_MAX);
    assert!(asked.len() < 40, "{}", asked.len());
}

fn begin(locator: &mut Locator, now: u64, who: u64) -> (Progress, Vec<(LookupId, Question)>) {
    let mut ask = Vec::new();
    let search = (Arc::new(place("sip:h.test:5060")), v4(&[Transport::Udp]), 0);
    let progress = locator.begin(Instant::from_nanos(now * SECOND), Seeker::Request(who), search, &mut ask);
    (progress, ask)
}

fn found(ttl: u64) -> Resolution {
    let records = vec![Record::Address("192.0.2.1".parse().expect("an address"))];
    Resolution::Found { records, ttl: Duration::from_secs(ttl) }
}

#[test]
fn one_question_serves_all_who_have_it_and_its_answer_lasts() {
    let mut locator = Locator::default();
    let mut none = Vec::new();
    let (progress, ask) = begin(&mut locator, 0, 1);
    assert_eq!((progress, ask.len()), (Progress::Waiting, 1));
    assert_eq!(begin(&mut locator, 0, 2).1, [], "it is asked already");
    begin(&mut locator, 0, 3);
    locator.forget(Seeker::Request(3));
    let at = |second: u64| Instant::from_nanos(second * SECOND);
    let answered = locator.resolved(at(1), ask[0].0, found(30), &mut none).expect("it is open");
    assert_eq!(
        answered.iter().map(|(who, targets)| (*who, targets.len())).collect::<Vec<_>>(),
        [(Seeker::Request(1), 1), (Seeker::Request(2), 1)]
    );
    // Twice, and of questions that were never asked.
    assert_eq!(locator.resolved(at(1), ask[0].0, found(30), &mut none), None);
    assert_eq!(locator.resolved(at(1), LookupId(99), found(30), &mut none), None);
    assert!(
        matches!(begin(&mut locator, 30, 4), (Progress::Found(targets), ask) if targets.len() == 1 && ask.is_empty())
    );
    assert!(matches!(begin(&mut locator, 31, 5), (Progress::Waiting, ask) if ask.len() == 1), "it has ended");
    assert_eq!(none, []);
}

#[test]
fn that_there_is_nothing_is_believed_for_a_while_and_a_failure_for_less() {
    let day = Duration::from_secs(86_400);
    for (resolution, life) in [
        (Resolution::Nothing { ttl: Duration::from_secs(20) }, 20),
        (Resolution::Nothing { ttl: day }, LOCATE_NOTHING_LIFE_MAX.as_secs()),
        (Resolution::Nothing { ttl: Duration::ZERO }, 1),
        (Resolution::Failed, LOCATE_FAILED_LIFE.as_secs()),
        (found(0), 1),
        (found(u64::MAX / SECOND / 4), 86_400),
    ] {
        let mut locator = Locator::default();
        let (_, ask) = begin(&mut locator, 0, 1);
        locator.resolved(Instant::from_nanos(0), ask[0].0, resolution.clone(), &mut Vec::new()).expect("it is open");
        assert!(matches!(begin(&mut locator, life - 1, 2).0, Progress::Found(_)), "{resolution:?}");
        assert_eq!(begin(&mut locator, life, 3).0, Progress::Waiting, "{resolution:?}");
    }
}

#[test]
fn searches_and_answers_have_their_limits() {
    let mut locator = Locator::default();
    for who in 0..1_000 {
        let mut ask = Vec::new();
        let place = Arc::new(place(&format!("sip:h{who}.test:5060")));
        let search = (place, v4(&[Transport::Udp]), 0);
        let progress = locator.begin(Instant::from_nanos(0), Seeker::Interested(who), search, &mut ask);
        assert_eq!(progress == Progress::Exhausted, who >= LOCATE_SEARCHES_MAX as u64);
    }
    assert_eq!(locator.open(), LOCATE_SEARCHES_MAX);
}
