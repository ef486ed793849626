//! Protected packets from anybody.

use contract::{SrtpKey, SrtpSuite};
use media_core::secure::srtp::{Inbound, OVERHEAD_MAX, Outbound};

/// Opens `bytes` as SRTP and SRTCP in every suite, and protects them as if they were a packet of ours.
///
/// # Panics
/// If bytes without keys are taken for authentic, or what is protected does not open again.
pub fn srtp(bytes: &[u8]) {
    for suite in SrtpSuite::ALL {
        let Some(key) = SrtpKey::new(suite, &[7; 46][..suite.material_len()]) else { continue };
        let (Some(mut out), Some(mut inbound)) = (Outbound::new(suite, &key), Inbound::new(suite, &key)) else {
            continue;
        };
        // A tag of four octets is met by chance sooner or later.
        if !matches!(suite, SrtpSuite::AesCm128Sha1_32 | SrtpSuite::AesCm256Sha1_32) {
            assert!(inbound.unprotect_rtp(&mut bytes.to_vec()).is_err(), "nobody else has the keys");
        }
        assert!(inbound.unprotect_rtcp(&mut bytes.to_vec()).is_err(), "nobody else has the keys");
        let mut copy = bytes.to_vec();
        copy.resize(bytes.len() + OVERHEAD_MAX, 0);
        if let Ok(len) = out.protect_rtp(&mut copy, bytes.len()) {
            assert_eq!(inbound.unprotect_rtp(&mut copy[..len]), Ok(bytes.len()), "it opens again");
            assert_eq!(copy[..bytes.len()], *bytes);
        }
        let mut copy = bytes.to_vec();
        copy.resize(bytes.len() + OVERHEAD_MAX, 0);
        if let Ok(len) = out.protect_rtcp(&mut copy, bytes.len()) {
            assert_eq!(inbound.unprotect_rtcp(&mut copy[..len]), Ok(bytes.len()), "it opens again");
            assert_eq!(copy[..bytes.len()], *bytes);
        }
    }
}
