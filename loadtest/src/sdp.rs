//! The little SDP a phone needs: to offer or answer one stream of G.711 and to find where the other side wants it.

use crate::tone::Law;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, SocketAddr};

/// A session description of one sendrecv G.711 stream received at `rtp`. `version` grows with every description of a dialog.
#[must_use]
pub fn describe(rtp: SocketAddr, laws: &[Law], version: u64) -> String {
    let family = if rtp.is_ipv4() { "IP4" } else { "IP6" };
    let mut text = format!(
        "v=0\r\no=- {} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP",
        rtp.port(),
        rtp.port(),
        ip = rtp.ip(),
    );
    for law in laws {
        text.push_str(&format!(" {}", law.payload_type()));
    }
    text.push_str("\r\na=sendrecv\r\na=ptime:20\r\n");
    text
}

/// Where the other side wants its audio, and the first G.711 law it lists.
///
/// # Errors
/// When there is no audio line with an address, or no G.711 in it.
pub fn audio_of(body: &[u8]) -> Result<(SocketAddr, Law)> {
    let text = core::str::from_utf8(body).context("session description is not text")?;
    let mut address: Option<IpAddr> = None;
    let mut media: Option<(u16, Law)> = None;
    for line in text.lines() {
        if let Some(connection) = line.strip_prefix("c=IN ") {
            // A media-level line overrides the session's: RFC 8866 section 5.7
            address = connection.split_whitespace().nth(1).and_then(|a| a.parse().ok());
        } else if let Some(audio) = line.strip_prefix("m=audio ")
            && media.is_none()
        {
            let mut fields = audio.split_whitespace();
            let port = fields.next().and_then(|p| p.parse().ok()).context("audio line without port")?;
            let law = fields.skip(1).filter_map(|f| f.parse().ok()).find_map(Law::of_payload_type);
            media = Some((port, law.context("no G.711 in the session description")?));
        }
    }
    let (port, law) = media.context("no audio line")?;
    Ok((SocketAddr::new(address.context("no connection line")?, port), law))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_back() {
        for text in ["127.0.0.1:4000", "[::1]:4000"] {
            let rtp: SocketAddr = text.parse().expect("an address");
            let body = describe(rtp, &[Law::A, Law::Mu], 1);
            assert_eq!(audio_of(body.as_bytes()).expect("readable"), (rtp, Law::A));
        }
    }

    #[test]
    fn the_connection_line_of_the_media_wins() {
        let body = b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 9 RTP/AVP 101 8\r\nc=IN IP4 10.0.0.2\r\n";
        assert_eq!(audio_of(body).expect("readable"), ("10.0.0.2:9".parse().expect("an address"), Law::A));
    }
}
