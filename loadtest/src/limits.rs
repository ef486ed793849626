//! Every bound of the load tester, why it is what it is, and what happens there.

use anyhow::{Result, bail};
use core::{net::IpAddr, time::Duration};

/// Accounts a configuration can hold: internal numbers have four digits here. More phones share the accounts.
pub const ACCOUNTS_MAX: usize = 10_000;

/// Phones in one run. Above it the run is refused: ten contacts an account is what an exchange keeps.
pub const PHONES_MAX: usize = 50_000;

/// Calls up at once. Above it the run is refused.
pub const CALLS_AT_ONCE_MAX: usize = 20_000;

/// Calls placed in one run. Above it the run is refused.
pub const CALLS_MAX: usize = 1_000_000;

/// Streams of RTP at once (two a call). Above it the run is refused: one thread sends them all.
pub const STREAMS_MAX: usize = 8_000;

/// A run ends after this whatever happens; what is not finished by then counts as failed.
pub const RUN_TIME_MAX: Duration = Duration::from_secs(3_600);

/// Requests without a final answer while registering as fast as possible: about what a default socket buffer holds.
pub const WINDOW: usize = 96;

/// Bytes asked for in each socket's buffers; the kernel may grant less.
pub const SOCKET_BUFFER: usize = 4 << 20;

/// Datagrams read before timers are looked at again.
pub const DRAIN_MAX: usize = 128;

/// Refuses any address that is not loopback, private or link-local: load is never sent into a network of others.
///
/// # Errors
/// When `address` is public, multicast or unspecified.
pub fn private_only(address: IpAddr) -> Result<()> {
    let private = match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        // RFC 4193 unique local, RFC 4291 link-local
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    if !private {
        bail!("{address} is not a loopback or private address; load is only sent into one's own network");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_refused() {
        for (address, allowed) in [
            ("127.0.0.1", true),
            ("10.99.0.1", true),
            ("192.168.7.1", true),
            ("172.16.0.9", true),
            ("::1", true),
            ("fd00::1", true),
            ("8.8.8.8", false),
            ("0.0.0.0", false),
            ("224.0.1.75", false),
            ("2001:db8::1", false),
        ] {
            let ip: IpAddr = address.parse().expect("an address");
            assert_eq!(private_only(ip).is_ok(), allowed, "{address}");
        }
    }
}
