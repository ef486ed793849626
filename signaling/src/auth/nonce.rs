//! Nonces that carry their own proof, and the counts they were used with.
//!
//! A nonce is a serial number, the time it was made, and a keyed hash of both and of whom it was given to: nothing is kept of those that nobody
//! answers. Of those answered rightly the last counts are kept (RFC 7616 section 3.4: `nc`), so that no answer is taken twice.
//!
//! That a nonce is good for one source only makes a wrong answer evidence: who sends from an address that is not his never saw a nonce of it, and
//! cannot fail in the name of others. Nor is an answer that was overheard good from elsewhere (RFC 7616 section 5.6).

use crate::{
    flow::Source,
    limits::{NONCE_LIFE, NONCES_MAX},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::Instant;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a nonce's keyed hash: nobody guesses one of 2^96 within [`NONCE_LIFE`].
const PROOF: usize = 12;

/// Serial, time, proof.
const BYTES: usize = 8 + 8 + PROOF;

/// What is known of a nonce that came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// Made here, and still good.
    Good(Nonce),
    /// Made here, but too long ago, or its counts were forgotten.
    Old,
    /// Not made here, or not for this source: by another exchange, before a restart, or for somebody else.
    Foreign,
}

/// A nonce made here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Nonce {
    serial: u64,
    made_at: Instant,
}

/// Makes nonces and remembers counts.
#[derive(Debug)]
pub(super) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    serial: u64,
    used: BTreeMap<u64, Counts>,
    /// Of serials up to this one nothing is known beyond what `used` holds.
    forgotten: u64,
}

/// Which counts a nonce was used with: the highest, and those of the 64 below it.
#[derive(Clone, Copy, Debug)]
struct Counts {
    made_at: Instant,
    highest: u32,
    /// Bit n: the count `highest - n` was used.
    used: u64,
}

impl Nonces {
    pub(super) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key, serial: 0, used: BTreeMap::new(), forgotten: 0 }
    }

    fn proof(&self, head: &[u8], source: Source) -> [u8; PROOF] {
        let mut proof = [0; PROOF];
        // HMAC takes keys of any length.
        if let Ok(mac) = Hmac::<Sha256>::new_from_slice(&*self.key) {
            let mac = mac.chain_update(head).chain_update(source.to_bits().to_be_bytes()).finalize().into_bytes();
            proof.copy_from_slice(&mac[..PROOF]);
        }
        proof
    }

    pub(super) fn make(&mut self, now: Instant, source: Source) -> String {
        self.serial += 1;
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&self.serial.to_be_bytes());
        bytes[8..16].copy_from_slice(&now.as_nanos().to_be_bytes());
        let proof = self.proof(&bytes[..16], source);
        bytes[16..].copy_from_slice(&proof);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn judge(&self, now: Instant, nonce: &str, source: Source) -> Standing {
        let mut bytes = [0; BYTES];
        if URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) != Ok(BYTES) {
            return Standing::Foreign;
        }
        let (head, proof) = bytes.split_at(16);
        if !bool::from(self.proof(head, source).ct_eq(proof)) {
            return Standing::Foreign;
        }
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (serial, made_at) = (number(0), Instant::from_nanos(number(8)));
        let forgotten = serial <= self.forgotten && !self.used.contains_key(&serial);
        if forgotten || now.since(made_at) >= NONCE_LIFE {
            Standing::Old
        } else {
            Standing::Good(Nonce { serial, made_at })
        }
    }

    /// Uses a nonce with a count; `false` when that was done before, or may have been. Only for answers that were right: a wrong one must not
    /// use up anything.
    pub(super) fn spend(&mut self, now: Instant, nonce: Nonce, count: u32) -> bool {
        while let Some(first) = self.used.first_entry() {
            // Serials rise with time.
            if now.since(first.get().made_at) < NONCE_LIFE {
                break;
            }
            first.remove();
        }
        if let Some(counts) = self.used.get_mut(&nonce.serial) {
            return counts.spend(count);
        }
        // RFC 7616 section 3.4: counts begin with 1.
        if count == 0 {
            return false;
        }
        if self.used.len() >= NONCES_MAX
            && let Some((serial, _)) = self.used.pop_first()
        {
            self.forgotten = self.forgotten.max(serial);
        }
        self.used.insert(nonce.serial, Counts { made_at: nonce.made_at, highest: count, used: 1 });
        true
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.used.len()
    }
}

impl Counts {
    fn spend(&mut self, count: u32) -> bool {
        if count > self.highest {
            let by = count - self.highest;
            self.used = self.used.checked_shl(by).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let below = self.highest - count;
        // Older than what is remembered: it may have been used.
        let Some(bit) = 1_u64.checked_shl(below).filter(|_| count > 0) else { return false };
        let fresh = self.used & bit == 0;
        self.used |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn nonces() -> Nonces {
        Nonces::new(Zeroizing::new([7; 32]))
    }

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(seconds)
    }

    fn source() -> Source {
        Source::of([192, 0, 2, 1].into())
    }

    fn good(standing: Standing) -> Nonce {
        match standing {
            Standing::Good(nonce) => nonce,
            Standing::Old | Standing::Foreign => panic!("{standing:?}"),
        }
    }

    #[test]
    fn a_nonce_is_good_for_its_life_and_only_here() {
        let mut here = nonces();
        let nonce = here.make(at(10), source());
        assert!(matches!(here.judge(at(10), &nonce, source()), Standing::Good(_)));
        let last = at(10) + NONCE_LIFE;
        assert!(matches!(here.judge(Instant::from_nanos(last.as_nanos() - 1), &nonce, source()), Standing::Good(_)));
        assert_eq!(here.judge(last, &nonce, source()), Standing::Old);
        assert_eq!(Nonces::new(Zeroizing::new([8; 32])).judge(at(10), &nonce, source()), Standing::Foreign);
        assert_ne!(nonce, here.make(at(10), source()));
    }

    #[test]
    fn a_nonce_is_good_for_the_source_that_it_was_given_to() {
        let mut here = nonces();
        let of = |address: &str| Source::of(address.parse().expect("an address"));
        let nonce = here.make(at(1), of("2001:db8::1"));
        assert!(matches!(here.judge(at(1), &nonce, of("2001:db8::2")), Standing::Good(_)));
        for other in ["2001:db8:0:1::1", "192.0.2.1"] {
            assert_eq!(here.judge(at(1), &nonce, of(other)), Standing::Foreign, "{other}");
        }
    }

    #[test]
    fn a_nonce_with_any_letter_changed_is_foreign() {
        let mut here = nonces();
        let nonce = here.make(at(1), source());
        for at_letter in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at_letter] = if changed[at_letter] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("letters");
            assert_eq!(here.judge(at(1), &changed, source()), Standing::Foreign, "{at_letter}");
        }
        for other in ["", "A", &nonce[1..], &format!("{nonce}A"), "%%%"] {
            assert_eq!(here.judge(at(1), other, source()), Standing::Foreign);
        }
    }

    #[test]
    fn each_count_is_taken_once_in_any_near_order() {
        let mut here = nonces();
        let text = here.make(at(1), source());
        let nonce = good(here.judge(at(1), &text, source()));
        let takes = [
            (0, false),
            (1, true),
            (1, false),
            (3, true),
            (2, true),
            (2, false),
            (3, false),
            (100, true),
            (37, true),
            (37, false),
            (36, false),
            (99, true),
            (u32::MAX, true),
            (u32::MAX, false),
            (100, false),
            (0, false),
        ];
        for (count, taken) in takes {
            assert_eq!(here.spend(at(1), nonce, count), taken, "{count}");
        }
    }

    #[test]
    fn the_oldest_nonce_is_forgotten_at_the_limit_and_then_stale() {
        let mut here = nonces();
        let texts: Vec<_> = (0..=NONCES_MAX).map(|_| here.make(at(1), source())).collect();
        for text in &texts {
            let nonce = good(here.judge(at(1), text, source()));
            assert!(here.spend(at(1), nonce, 1));
        }
        assert_eq!(here.remembered(), NONCES_MAX);
        assert_eq!(here.judge(at(1), &texts[0], source()), Standing::Old);
        let second = good(here.judge(at(1), &texts[1], source()));
        assert!(!here.spend(at(1), second, 1));
    }

    #[test]
    fn counts_are_let_go_when_their_nonce_is_old() {
        let mut here = nonces();
        let early = here.make(at(1), source());
        let early = good(here.judge(at(1), &early, source()));
        assert!(here.spend(at(1), early, 1));
        let late = here.make(at(1000), source());
        let late = good(here.judge(at(1000), &late, source()));
        assert!(here.spend(at(1000), late, 1));
        assert_eq!(here.remembered(), 1);
    }
}
