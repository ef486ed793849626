//! Session descriptions as the phones write and read them: one audio line, RFC 4566 and RFC 3264 in the small.

use core::net::{IpAddr, SocketAddr};

/// May a party send, may it receive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Direction {
    pub(crate) send: bool,
    pub(crate) receive: bool,
}

impl Direction {
    pub(crate) const BOTH: Self = Self { send: true, receive: true };
    pub(crate) const SEND: Self = Self { send: true, receive: false };
    pub(crate) const NONE: Self = Self { send: false, receive: false };

    const fn attribute(self) -> &'static str {
        match (self.send, self.receive) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// What I may do when I want `self` and the other side says `other` of itself.
    pub(crate) const fn facing(self, other: Self) -> Self {
        Self { send: self.send && other.receive, receive: self.receive && other.send }
    }
}

/// A description as far as a phone cares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    /// Where to send; `None` for port 0.
    pub(crate) rtp: Option<SocketAddr>,
    pub(crate) formats: Vec<u8>,
    pub(crate) direction: Direction,
    pub(crate) media_lines: usize,
    /// Session id and version of the origin line.
    pub(crate) origin: (String, u64),
}

impl Description {
    pub(crate) fn parse(body: &str) -> Option<Self> {
        let mut address: Option<IpAddr> = None;
        let (mut port, mut formats, mut direction, mut media_lines) = (0u16, Vec::new(), Direction::BOTH, 0);
        let mut origin = None;
        for line in body.split("\r\n") {
            let Some((kind, value)) = line.split_once('=') else { continue };
            match kind {
                "o" => {
                    let mut words = value.split(' ').skip(1);
                    origin = Some((words.next()?.to_owned(), words.next()?.parse().ok()?));
                }
                "c" if media_lines <= 1 => address = value.split(' ').nth(2)?.parse().ok(),
                "m" => {
                    media_lines += 1;
                    if media_lines == 1 {
                        let mut words = value.split(' ').skip(1);
                        port = words.next()?.parse().ok()?;
                        formats = words.skip(1).filter_map(|f| f.parse().ok()).collect();
                    }
                }
                "a" if media_lines <= 1 => match value {
                    "sendrecv" => direction = Direction::BOTH,
                    "sendonly" => direction = Direction::SEND,
                    "recvonly" => direction = Direction { send: false, receive: true },
                    "inactive" => direction = Direction::NONE,
                    _ => {}
                },
                _ => {}
            }
        }
        let rtp = address.filter(|a| port != 0 && !a.is_unspecified()).map(|a| SocketAddr::new(a, port));
        Some(Self { rtp, formats, direction, media_lines, origin: origin? })
    }
}

/// Writes a description of one audio line.
pub(crate) fn write(rtp: SocketAddr, session: u64, version: u64, formats: &[u8], direction: Direction) -> String {
    let family = if rtp.is_ipv6() { "IP6" } else { "IP4" };
    let list: Vec<String> = formats.iter().map(u8::to_string).collect();
    let mut text = format!(
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP {}\r\n",
        rtp.port(),
        list.join(" "),
        ip = rtp.ip()
    );
    for format in formats {
        let name = match format {
            0 => "PCMU/8000",
            8 => "PCMA/8000",
            9 => "G722/8000",
            18 => "G729/8000",
            101 => "telephone-event/8000",
            _ => continue,
        };
        text.push_str(&format!("a=rtpmap:{format} {name}\r\n"));
    }
    text.push_str(&format!("a={}\r\n", direction.attribute()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let at: SocketAddr = ([192, 0, 2, 7], 4000).into();
        let read = Description::parse(&write(at, 1, 2, &[0, 101], Direction::SEND)).expect("our own text");
        assert_eq!(read.rtp, Some(at));
        assert_eq!(read.formats, [0, 101]);
        assert_eq!((read.direction, read.media_lines), (Direction::SEND, 1));
    }

    #[test]
    fn a_sender_facing_a_receiver_sends() {
        let receiver = Direction { send: false, receive: true };
        assert_eq!(Direction::BOTH.facing(receiver), Direction::SEND);
        assert_eq!(Direction::SEND.facing(Direction::SEND), Direction::NONE);
    }
}
