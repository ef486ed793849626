//! Sets of networks, as ranges that can be searched.

use signaling::settings::Network;
use std::net::IpAddr;

/// Networks; every address is looked up in the time of a binary search.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks(Box<[(u128, u128)]>);

impl Networks {
    /// All of these together.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = Network>) -> Self {
        let mut ranges: Vec<(u128, u128)> = networks.into_iter().map(range).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, before)) if first <= before.saturating_add(1) => *before = last.max(*before),
                Some(_) | None => merged.push((first, last)),
            }
        }
        Self(merged.into())
    }

    /// Every address there is.
    #[must_use]
    pub fn all() -> Self {
        Self([(0, u128::MAX)].into())
    }

    /// Whether an address lies in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        let after = self.0.partition_point(|(first, _)| *first <= bits);
        after > 0 && self.0[after - 1].1 >= bits
    }
}

/// IPv4 addresses have the places that RFC 4291 section 2.5.5.2 gives them.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn range(network: Network) -> (u128, u128) {
    let free = match network.address {
        IpAddr::V4(_) => 32_u32.saturating_sub(network.prefix.into()),
        IpAddr::V6(_) => 128_u32.saturating_sub(network.prefix.into()),
    };
    let host = 1_u128.checked_shl(free).map_or(u128::MAX, |end| end - 1);
    let first = bits(network.address) & !host;
    (first, first | host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &[(&str, u8)]) -> Networks {
        Networks::new(
            list.iter().map(|(address, prefix)| Network { address: address.parse().unwrap(), prefix: *prefix }),
        )
    }

    #[test]
    fn an_address_is_found_in_whatever_network_holds_it() {
        let found = networks(&[
            ("10.0.0.0", 8),
            ("192.0.2.7", 32),
            ("192.0.2.8", 31),
            ("10.1.0.0", 16),
            ("2001:db8::", 32),
            ("::1", 128),
            ("198.51.100.77", 24),
        ]);
        for inside in [
            "10.0.0.0",
            "10.255.255.255",
            "10.1.2.3",
            "192.0.2.7",
            "192.0.2.9",
            "2001:db8:ffff::1",
            "::1",
            "::ffff:10.2.3.4",
            "198.51.100.0",
            "198.51.100.255",
        ] {
            assert!(found.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.10", "2001:db9::", "::2", "198.51.101.0"] {
            assert!(!found.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn the_whole_of_a_family_is_not_the_other() {
        let four = networks(&[("0.0.0.0", 0)]);
        assert!(four.contains("255.255.255.255".parse().unwrap()) && four.contains("0.0.0.0".parse().unwrap()));
        assert!(!four.contains("2001:db8::1".parse().unwrap()));
        assert!(networks(&[("::", 0)]).contains("2001:db8::1".parse().unwrap()));
        assert!(
            Networks::all().contains("2001:db8::1".parse().unwrap())
                && Networks::all().contains("192.0.2.1".parse().unwrap())
        );
        assert!(!Networks::default().contains("127.0.0.1".parse().unwrap()));
    }
}
