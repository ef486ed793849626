//! What the system allows the process, said before anything depends on it: descriptors, locked memory, ports.

use crate::{config::Config, wire::STREAMS_MAX};
use media_core::MediaConfig;
use rustix::process::{Resource, getrlimit};

/// Descriptors for everything that is not a SIP stream: sockets that listen, HTTP, the database, the log, the runtime.
const DESCRIPTORS_RESERVED: u64 = 1_024;

/// Ports of one call: two legs with RTP and RTCP each.
const PORTS_PER_CALL: u64 = 4;

/// Raises the soft limits to the hard ones, says how many calls there is room for and what to set for more, and gives the number of SIP streams
/// that fit.
pub(super) fn check(config: &Config, media: &MediaConfig) -> usize {
    let notes = media_core::check_limits(media);
    let ports = u64::try_from(media.ports.len()).unwrap_or(u64::MAX);
    let by_ports = ports / PORTS_PER_CALL;
    let wanted = u64::try_from(config.server.calls_max).unwrap_or(u64::MAX);
    let calls = notes.iter().filter_map(|note| note.calls).chain([by_ports, wanted]).min().unwrap_or(wanted);
    tracing::info!(component = "boot", "room for {calls} calls at once; above it new calls are answered 503");
    if by_ports < wanted {
        tracing::info!(
            component = "boot",
            "server.rtp.ports holds {ports} ports, enough for {by_ports} calls; widen the range for up to {wanted} (server.calls_max)"
        );
    }
    for note in notes {
        tracing::warn!(component = "boot", "{}", note.text);
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let streams = streams(descriptors);
    if streams < STREAMS_MAX {
        tracing::info!(
            component = "boot",
            "the limit of {descriptors} open files is enough for {streams} SIP connections; set LimitNOFILE={} in the unit for {STREAMS_MAX}",
            u64::try_from(STREAMS_MAX).unwrap_or(u64::MAX).saturating_add(DESCRIPTORS_RESERVED)
        );
    }
    streams
}

fn streams(descriptors: u64) -> usize {
    let left = descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(descriptors / 4);
    usize::try_from(left).unwrap_or(usize::MAX).min(STREAMS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_leave_descriptors_to_everything_else() {
        for (descriptors, wanted) in [(256, 64), (1_024, 256), (4_096, 3_072), (u64::MAX, STREAMS_MAX)] {
            assert_eq!(streams(descriptors), wanted, "{descriptors}");
        }
    }
}
