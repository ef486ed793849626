//! Small phones made of text, and a line that joins them to a `Pbx` on a virtual clock. Media and store answer at once unless told not to.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tools of tests, of which each test crate uses its part"
)]

pub mod line;
pub mod phone;
pub mod sip;

pub use line::{Line, extension, settings};
pub use phone::{Dialog, Phone};
pub use sip::Sip;

/// A session description of a phone at `address`, with G.711 and events.
pub fn sdp(address: &str, port: u16) -> String {
    described(address, port, "0 8 101", "sendrecv")
}

/// A session description with these formats and this direction.
pub fn described(address: &str, port: u16, formats: &str, direction: &str) -> String {
    let mut text = format!(
        "v=0\r\no=phone 7 7 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n"
    );
    for (number, map) in [("0", "PCMU/8000"), ("8", "PCMA/8000"), ("9", "G722/8000"), ("101", "telephone-event/8000")] {
        if formats.split(' ').any(|format| format == number) {
            text += &format!("a=rtpmap:{number} {map}\r\n");
        }
    }
    text + &format!("a={direction}\r\n")
}
