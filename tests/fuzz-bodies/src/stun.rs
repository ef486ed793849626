//! Connectivity checks from anybody, and from somebody who knows the password.

use contract::{IceCredentials, IceSpec, Instant};
use core::net::SocketAddr;
use media_core::ice::{
    Agent, Heard,
    stun::{ANSWER_BYTES_MAX, Kind, Message, Writer, key},
};

/// Whose checks the seeds are.
const UFRAG: &str = "ours";
const PASSWORD: &str = "a password of two and twenty";

/// Reads `bytes` as a message, and once more with its attributes signed as they should be.
///
/// # Panics
/// If an agent answers what it cannot know to be a check, or answers what cannot be read.
pub fn stun(bytes: &[u8]) {
    take(bytes, false);
    let mut signed = [0; 2_048];
    let mut writer = Writer::new(&mut signed, Kind::Request, &[3; 12]);
    writer.attribute(0x0006, format!("{UFRAG}:theirs").as_bytes());
    let mut rest = bytes;
    while let [k0, k1, len, more @ ..] = rest {
        let (value, after) = more.split_at(usize::from(*len).min(more.len()));
        writer.attribute(u16::from_be_bytes([*k0, *k1]), value);
        rest = after;
    }
    if let Some(len) = writer.finish(&key(PASSWORD)) {
        take(&signed[..len], true);
    }
}

fn take(bytes: &[u8], signed: bool) {
    let side = |ufrag: &str| IceCredentials { ufrag: ufrag.to_owned(), password: PASSWORD.to_owned() };
    let mut agent = Agent::new(&IceSpec { local: side(UFRAG), remote: side("theirs") });
    let (from, now) = (SocketAddr::from(([192, 0, 2, 1], 4_000)), Instant::from_nanos(1_000_000_000));
    let mut answer = [0; ANSWER_BYTES_MAX];
    let heard = agent.take(now, from, bytes, &mut answer);
    let (len, success) = match heard {
        Ok(Heard::Check { answer, .. }) => (answer, true),
        Ok(Heard::Refused(answer)) => (answer, false),
        Ok(Heard::Nothing) | Err(_) => return assert!(!agent.knows(from) && agent.due().is_none()),
    };
    let asked = Message::parse(bytes).expect("what was heard is a message");
    assert!(signed || asked.is_authentic(&key(PASSWORD)), "only who knows the password is heard");
    let told = Message::parse(&answer[..len]).expect("our answer is one");
    assert!(told.is_authentic(&key(PASSWORD)) && told.has_fingerprint());
    assert_eq!((told.transaction(), agent.knows(from)), (asked.transaction(), success));
    if success {
        assert_eq!((told.kind(), told.mapped()), (Kind::Success, Some(from)));
    }
}
