//! Audio files.

use ironbell::media::decode::{ENDINGS, Fault, SECONDS_MAX, octets};

/// Rate of a clip's wide version.
const WIDE_HZ: usize = 16_000;

/// Gives all but the first octet to the decoders as a file; the first says what its name ends in.
///
/// # Panics
/// If a clip has no sound, or more than a clip may have.
pub fn sound(bytes: &[u8]) {
    let Some((kind, file)) = bytes.split_first() else { return };
    let ending = ENDINGS.get(usize::from(*kind)).copied().unwrap_or_default();
    match octets(file.to_vec(), ending) {
        Ok(clip) => {
            let most = (SECONDS_MAX + 1) * WIDE_HZ * 2 * size_of::<i16>();
            assert!((1..=most).contains(&clip.octets()), "{} octets", clip.octets());
        }
        Err(fault @ Fault::Io(_)) => panic!("memory does not fail to be read: {fault}"),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}
