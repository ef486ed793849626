//! What the fuzzers do with their bytes: each body takes any bytes and panics only for a defect of ours.
//!
//! `cargo test` replays the committed corpora (`tests/fuzz/corpus`) through them on the stable toolchain; `tests/fuzz` holds the targets that
//! cargo-fuzz runs on nightly.

mod codec;
mod dialling;
mod document;
mod dtls;
mod keys;
mod message;
mod playout;
mod rtp;
mod sdp;
mod sound;
mod srtp;
mod stun;

pub use codec::codec;
pub use dialling::dialling;
pub use document::document;
pub use dtls::dtls;
pub use keys::keys;
pub use message::message;
pub use playout::playout;
pub use rtp::rtp;
pub use sdp::sdp;
pub use sound::sound;
pub use srtp::srtp;
pub use stun::stun;

/// One body: its name, which is also that of its corpus and its target, and what it does.
pub type Body = (&'static str, fn(&[u8]));

/// All of them.
pub const BODIES: [Body; 12] = [
    ("message", message),
    ("sdp", sdp),
    ("rtp", rtp),
    ("srtp", srtp),
    ("codec", codec),
    ("stun", stun),
    ("dtls", dtls),
    ("keys", keys),
    ("playout", playout),
    ("sound", sound),
    ("document", document),
    ("dialling", dialling),
];
