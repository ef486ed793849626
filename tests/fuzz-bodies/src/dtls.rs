//! A handshake between two of our own ends over a network that does what the bytes say.

use contract::{DtlsRole, Instant};
use core::time::Duration;
use media_core::secure::{
    Certificate,
    dtls::{Agreed, Association, Progress},
};
use std::{collections::VecDeque, sync::OnceLock};

/// Steps of one run.
const STEPS_MAX: usize = 150;

/// Datagrams under way; the oldest is lost.
const UNDER_WAY_MAX: usize = 32;

struct End {
    association: Association,
    /// What goes to the other end.
    sent: VecDeque<Vec<u8>>,
    agreed: Option<Agreed>,
}

impl End {
    fn new(role: DtlsRole, own: &Certificate, other: &Certificate, now: Instant) -> Self {
        let association = Association::new(role, other.fingerprint(), own, now);
        Self { association, sent: VecDeque::new(), agreed: None }
    }

    fn advance(&mut self, datagram: Option<&[u8]>, now: Instant) {
        let sent = &mut self.sent;
        let progress = self.association.advance(datagram, now, &mut |bytes| {
            assert!(bytes.len() <= 1_472, "it fits into a datagram");
            sent.push_back(bytes.to_vec());
            if sent.len() > UNDER_WAY_MAX {
                sent.pop_front();
            }
        });
        if let Progress::Agreed(agreed) = progress {
            assert!(self.agreed.is_none(), "keys are agreed once");
            self.agreed = Some(agreed);
        }
    }
}

/// Each octet is a step: deliver, lose, double, delay or change a datagram, send one of one's own making, or let time pass.
///
/// # Panics
/// If the ends agree on unlike keys, or agree twice.
pub fn dtls(bytes: &[u8]) {
    shake(bytes);
}

/// As [`dtls`]; whether both ends have keys.
fn shake(bytes: &[u8]) -> bool {
    static CERTIFICATES: OnceLock<[Certificate; 2]> = OnceLock::new();
    let made = || Certificate::generate().expect("randomness");
    let [one, two] = CERTIFICATES.get_or_init(|| [made(), made()]);
    let mut now = Instant::from_nanos(1_000_000_000);
    let mut ends = [End::new(DtlsRole::Active, one, two, now), End::new(DtlsRole::Passive, two, one, now)];
    ends[0].advance(None, now);
    let mut rest = bytes.iter().copied();
    for _ in 0..STEPS_MAX {
        let Some(step) = rest.next() else { break };
        let (from, to, amount) = (usize::from(step & 1), usize::from(!step & 1), step >> 4);
        match step >> 1 & 7 {
            0 | 1 => {
                if let Some(datagram) = ends[from].sent.pop_front() {
                    ends[to].advance(Some(&datagram), now);
                }
            }
            2 => {
                ends[from].sent.pop_front();
            }
            3 => {
                if let Some(datagram) = ends[from].sent.front().cloned() {
                    ends[to].advance(Some(&datagram), now);
                }
            }
            4 => {
                if !ends[from].sent.is_empty() {
                    ends[from].sent.rotate_left(1);
                }
            }
            5 => {
                let (Some(at), Some(mask)) = (rest.next(), rest.next()) else { break };
                if let Some(datagram) = ends[from].sent.front_mut() {
                    let at = usize::from(at) * (usize::from(amount) + 1) % datagram.len();
                    datagram[at] ^= mask;
                }
            }
            6 => {
                let datagram: Vec<u8> = rest.by_ref().take(usize::from(amount) * 8 + 1).collect();
                ends[to].advance(Some(&datagram), now);
            }
            _ => {
                now = now + Duration::from_millis(100) * u32::from(amount);
                for end in &mut ends {
                    if end.association.due().is_some_and(|due| due <= now) {
                        end.advance(None, now);
                    }
                }
            }
        }
    }
    let [one, two] = ends;
    let (Some(one), Some(two)) = (one.agreed, two.agreed) else { return false };
    assert_eq!((one.suite, one.local, one.remote), (two.suite, two.remote, two.local), "both have the same keys");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_can_lead_to_keys() {
        assert!(shake(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]));
        assert!(shake(&[4, 0x4e, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]), "after a loss");
        assert!(!shake(&[0, 1, 1, 1, 1]), "half way");
    }
}
