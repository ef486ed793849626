//! The lite side against checks, right and wrong ones.

use super::*;
use contract::IceCredentials;
use core::time::Duration;

fn credentials(generation: u8) -> IceSpec {
    let side = |name: &str| IceCredentials {
        ufrag: format!("{name}{generation}"),
        password: format!("a password of {name}, {generation}"),
    };
    IceSpec { local: side("ours"), remote: side("theirs") }
}

fn address(number: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], number))
}

fn at(ms: u64) -> Instant {
    Instant::from_nanos(1_000_000_000 + ms * 1_000_000)
}

/// A check, with further attributes.
fn check(spec: &IceSpec, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = [0; 256];
    let mut writer = Writer::new(&mut bytes, Kind::Request, &[9; 12]);
    writer.attribute(0x0006, format!("{}:{}", spec.local.ufrag, spec.remote.ufrag).as_bytes());
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    let len = writer.finish(&stun::key(&spec.local.password)).expect("it fits");
    bytes[..len].to_vec()
}

const NOMINATED: &[(u16, &[u8])] = &[(0x0024, &[1, 2, 3, 4]), (0x802a, &[0; 8]), (0x0025, &[])];

/// What becomes of a datagram, and the answer's code: 0 for success.
fn take(agent: &mut Agent, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(bool, u16), Drop> {
    let mut answer = [0; stun::ANSWER_BYTES_MAX];
    let (len, nominated) = match agent.take(now, from, bytes, &mut answer)? {
        Heard::Nothing => return Ok((false, u16::MAX)),
        Heard::Check { answer, nominated } => (answer, nominated),
        Heard::Refused(answer) => (answer, false),
    };
    let answer = &answer[..len];
    let message = Message::parse(answer).expect("we write STUN");
    assert!(message.has_fingerprint() && message.transaction() == [9; 12]);
    match message.kind() {
        Kind::Success => assert_eq!(message.mapped(), Some(from)),
        Kind::Error => return Ok((nominated, u16::from(answer[26]) * 100 + u16::from(answer[27]))),
        Kind::Request | Kind::Indication => panic!("an answer"),
    }
    Ok((nominated, 0))
}

#[test]
fn a_check_is_answered_and_its_source_known() {
    let spec = credentials(1);
    let mut agent = Agent::new(&spec);
    assert!(!agent.knows(address(1)) && agent.due().is_none());
    assert_eq!(take(&mut agent, at(0), address(1), &check(&spec, &[])), Ok((false, 0)));
    assert!(agent.knows(address(1)) && !agent.knows(address(2)));
    assert_eq!(take(&mut agent, at(0), address(2), &check(&spec, NOMINATED)), Ok((true, 0)));
    assert_eq!(agent.due(), Some(at(0) + CONSENT));
}

#[test]
fn what_is_not_the_legs_own_is_silent() {
    let (spec, other) = (credentials(1), credentials(2));
    let mut agent = Agent::new(&spec);
    let mut wrong = spec.clone();
    wrong.local.password = other.local.password.clone();
    let mut unsigned = check(&spec, &[]);
    unsigned.truncate(unsigned.len() - 32);
    unsigned[3] -= 32;
    for (bytes, reason) in [
        (check(&other, NOMINATED), Drop::Stun),
        (check(&wrong, NOMINATED), Drop::NotAuthentic),
        (unsigned, Drop::NotAuthentic),
        (vec![0, 1, 0, 0], Drop::Malformed),
    ] {
        assert_eq!(take(&mut agent, at(0), address(1), &bytes), Err(reason));
    }
    assert!(!agent.knows(address(1)) && agent.due().is_none());
}

#[test]
fn what_cannot_be_done_is_said() {
    let spec = credentials(1);
    let mut agent = Agent::new(&spec);
    assert_eq!(take(&mut agent, at(0), address(1), &check(&spec, &[(0x7abc, &[1])])), Ok((false, 420)));
    assert_eq!(take(&mut agent, at(0), address(1), &check(&spec, &[(0x8029, &[0; 8])])), Ok((false, 487)));
    assert!(!agent.knows(address(1)) && agent.due().is_none());
}

#[test]
fn a_flood_of_checks_is_cut_and_strangers_do_not_cut_it() {
    let (spec, other) = (credentials(1), credentials(2));
    let mut agent = Agent::new(&spec);
    for _ in 0..2 * CHECKS_PER_SECOND_MAX {
        assert_eq!(take(&mut agent, at(0), address(2), &check(&other, &[])), Err(Drop::Stun));
    }
    let answered = (0..2 * CHECKS_PER_SECOND_MAX)
        .filter(|_| take(&mut agent, at(0), address(1), &check(&spec, &[])) != Err(Drop::StunFlood))
        .count();
    assert_eq!(answered, usize::from(CHECKS_PER_SECOND_MAX));
    assert_eq!(take(&mut agent, at(1_000), address(1), &check(&spec, &[])), Ok((false, 0)));
}

#[test]
fn only_so_many_sources_are_remembered() {
    let spec = credentials(1);
    let mut agent = Agent::new(&spec);
    for number in 1..=3_000_u16 {
        assert_eq!(take(&mut agent, at(u64::from(number) * 20), address(1), &check(&spec, &[])), Ok((false, 0)));
        let from = address(number);
        assert_eq!(take(&mut agent, at(u64::from(number) * 20), from, &check(&spec, &[])), Ok((false, 0)));
    }
    let known = (1..=3_000).filter(|number| agent.knows(address(*number))).count();
    assert_eq!(known, ICE_SOURCES_MAX);
    assert!(agent.knows(address(1)), "who is still heard stays");
}

#[test]
fn consent_runs_out_once_and_only_new_names_revive_it() {
    let (spec, later) = (credentials(1), credentials(2));
    let mut agent = Agent::new(&spec);
    assert!(!agent.has_expired(at(3_600_000)), "nothing was heard that could cease");
    take(&mut agent, at(0), address(1), &check(&spec, NOMINATED)).expect("answered");
    take(&mut agent, at(20_000), address(1), &check(&spec, &[])).expect("answered");
    assert!(!agent.has_expired(at(49_999)));
    assert!(agent.has_expired(at(50_000)));
    assert!(!agent.has_expired(at(50_001)), "told once");
    assert_eq!(take(&mut agent, at(50_002), address(1), &check(&spec, NOMINATED)), Err(Drop::Stun));
    agent.describe(&spec, at(50_003));
    assert!(agent.due().is_none());
    agent.describe(&later, at(50_004));
    assert!(!agent.knows(address(1)));
    assert_eq!(take(&mut agent, at(50_005), address(1), &check(&later, NOMINATED)), Ok((true, 0)));
    assert_eq!(agent.due(), Some(at(50_005) + CONSENT));
}

#[test]
fn after_a_restart_the_former_names_hold_until_a_pair_is_nominated() {
    let (spec, later) = (credentials(1), credentials(2));
    let mut agent = Agent::new(&spec);
    take(&mut agent, at(0), address(1), &check(&spec, NOMINATED)).expect("answered");
    agent.describe(&later, at(100));
    assert!(agent.knows(address(1)), "the handshake goes on");
    assert_eq!(take(&mut agent, at(200), address(1), &check(&spec, &[])), Ok((false, 0)));
    assert_eq!(take(&mut agent, at(300), address(2), &check(&later, NOMINATED)), Ok((true, 0)));
    assert_eq!(take(&mut agent, at(400), address(1), &check(&spec, &[])), Err(Drop::Stun));
    assert_eq!(agent.due(), Some(at(300) + Duration::from_secs(30)));
}
