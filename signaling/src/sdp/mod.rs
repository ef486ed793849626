//! Session descriptions (RFC 8866) and offer/answer (RFC 3264), as far as telephony with one audio stream a leg needs them.
//!
//! A description is kept line by line, byte for byte; [`rewrite()`] changes the addresses, the way the stream is carried ([`Carriage`]) and what must not pass, and leaves the rest.
//! It knows neither calls nor media sessions: addresses and ports are given to it.

mod answer;
mod audio;
mod build;
mod carriage;
mod crypto;
mod description;
mod direction;
mod profile;
mod rewrite;

pub use answer::{AnswerFault, Negotiated, check_answer};
pub use audio::{Audio, codec_name};
pub use build::{Local, answer, offer};
pub use carriage::{Carriage, Dtls, Setup};
pub use crypto::{Crypto, SUITES, suite_name};
pub use description::{Address, Description, Media, Origin};
pub use direction::Direction;
pub use profile::Profile;
pub use rewrite::{Rewrite, rewrite};

/// The media type of a session description.
pub const CONTENT_TYPE: &str = "application/sdp";
