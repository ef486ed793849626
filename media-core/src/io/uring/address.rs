//! Socket addresses as the kernel writes them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Octets of the largest address we use, `sockaddr_in6`.
pub(super) const NAME_BYTES: usize = 28;

/// An address as `sockaddr_in` or `sockaddr_in6`, and how much of it counts.
pub(super) fn encode(address: SocketAddr) -> ([u8; NAME_BYTES], u32) {
    let mut name = [0; NAME_BYTES];
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    name[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    name[2..4].copy_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(v4) => {
            name[4..8].copy_from_slice(&v4.ip().octets());
            (name, 16)
        }
        SocketAddr::V6(v6) => {
            name[8..24].copy_from_slice(&v6.ip().octets());
            name[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
            (name, 28)
        }
    }
}

/// The address that dissolves a connection: `AF_UNSPEC`.
pub(super) const fn nobody() -> ([u8; NAME_BYTES], u32) {
    ([0; NAME_BYTES], 16)
}

/// Reads what [`encode`] or the kernel wrote; `None` for other families and short names.
pub(super) fn decode(name: &[u8]) -> Option<SocketAddr> {
    let &[f0, f1, p0, p1, ref rest @ ..] = name else { return None };
    let port = u16::from_be_bytes([p0, p1]);
    match i32::from(u16::from_ne_bytes([f0, f1])) {
        libc::AF_INET => {
            let octets: &[u8; 4] = rest.first_chunk()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(*octets)), port))
        }
        libc::AF_INET6 => {
            let octets: &[u8; 16] = rest.get(4..)?.first_chunk()?;
            // Mapped addresses do not occur: our IPv6 sockets are IPv6 only.
            Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*octets)), port))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_through_the_kernels_form() {
        for text in ["192.0.2.1:5004", "[2001:db8::7]:65535"] {
            let address: SocketAddr = text.parse().expect("an address");
            let (name, len) = encode(address);
            assert_eq!(decode(&name[..len as usize]), Some(address));
        }
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&nobody().0), None);
    }
}
