//! Payloads of every codec.

use contract::{Codec, Format};
use media_core::codec::{MAX_PACKET_SAMPLES, Malformed, entries};

/// Gives `bytes`, cut into packets each led by one octet of length, to every decoder in turn; some packets are lost.
///
/// # Panics
/// If a decoder writes other than it says, or begins anew with anything of before.
pub fn codec(bytes: &[u8]) {
    let mut out = [0; MAX_PACKET_SAMPLES];
    for entry in entries() {
        let (codec, clock_rate_hz, channels) = (entry.codec, entry.clock_rate_hz, entry.channels);
        let format = Format { payload_type: 96, codec, clock_rate_hz, channels };
        let Some(mut decoder) = (entry.open_decoder)(&format) else { continue };
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first() {
            let (payload, after) = after.split_at(usize::from(*length).min(after.len()));
            rest = after;
            let told = decoder.samples_in(payload);
            if length % 8 == 7 {
                // The packet before is lost and this one may know of it.
                if let Ok(written) = decoder.recover(payload, &mut out) {
                    assert!(written <= out.len());
                }
            }
            let room = if length % 8 == 6 { usize::from(*length) } else { out.len() };
            match decoder.decode(payload, &mut out[..room]) {
                Ok(written) => assert_eq!(Some(written), told),
                Err(Malformed::Truncated) => assert!(told.is_none()),
                Err(Malformed::TooLong) => assert!(told.is_none_or(|samples| samples > room)),
                Err(Malformed::Bitstream) => assert!(matches!(codec, Codec::Opus)),
            }
            if length % 8 == 5 {
                decoder.conceal(&mut out[..entry.sample_rate_hz as usize / 50]);
            }
            if *length == 0 {
                decoder.reset();
            }
        }
    }
}
