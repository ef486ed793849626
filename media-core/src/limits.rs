//! Limits of the media plane: each with its reason, and what happens there.

use core::time::Duration;

/// Octets of one datagram buffer, the header that `recvmsg` puts before an addressed datagram included. A multiple of a cache line by an
/// odd number, so that neighbouring buffers do not fall into the same cache sets. A longer datagram is dropped and counted.
pub const BUFFER_BYTES: usize = 27 * 64;

/// Octets of the largest datagram relayed: what fits into Ethernet's 1,500 less IPv4 and UDP headers. A longer one is dropped and counted.
pub const DATAGRAM_BYTES_MAX: usize = 1_472;
const _: () = assert!(BUFFER_BYTES >= DATAGRAM_BYTES_MAX + 128, "an addressed datagram fits behind its header");

/// Buffers of a shard: 6 ms of 150,000 packets a second. When all are in use, datagrams wait in their sockets.
pub const BUFFERS: u16 = 1_024;
const _: () = assert!(BUFFERS.is_power_of_two(), "a provided-buffer ring is indexed by a mask");

/// Buffers for datagrams that a shard makes itself, beside those it receives into. When all are on their way, [`crate::io::Io::fresh`] has none.
pub const OWN_BUFFERS: u16 = 1_024;
const _: () = assert!((BUFFERS as u32 + OWN_BUFFERS as u32) < u16::MAX as u32, "a buffer's number fits");

/// Submissions that fit the ring before it must be entered.
pub const SUBMISSIONS: u32 = 1_024;

/// Completions that fit the ring: every buffer and every submission may be one.
pub const COMPLETIONS: u32 = 4_096;
const _: () = assert!(COMPLETIONS >= 2 * (BUFFERS as u32 + SUBMISSIONS), "no completion overflows");

/// How long completions are gathered under load. RTP at one packet in 20 ms does not mind, and a batch costs one system call.
pub const PACE: Duration = Duration::from_micros(500);

/// Longest sleep of an idle shard, so that its counters stay fresh.
pub const IDLE_WAIT_MAX: Duration = Duration::from_millis(100);

/// Commands waiting for one shard. The sender keeps what does not fit.
pub const COMMANDS: usize = 4_096;

/// Commands obeyed in one turn, so that packets do not wait for a storm of calls.
pub const COMMANDS_PER_TURN: usize = 64;

/// Events waiting for the shell.
pub const EVENTS: usize = 8_192;

/// Events a shard keeps while the shell does not take them. At the limit it obeys no command and postpones reports; answers are never lost.
pub const EVENT_BACKLOG: usize = 4_096;
const _: () = assert!(EVENT_BACKLOG > contract::MEMBERS_MAX + 1, "one command's answers fit");

/// Sessions of one shard. Another is refused ([`contract::MediaRefusal::SessionsExhausted`]).
pub const SESSIONS_MAX: usize = 32_768;

/// Formats of one far end that are decoded; those after it are passed on or dropped. We offer five.
pub const DECODERS_MAX: usize = 8;

/// Between two keys that we send, RFC 4733 section 2.5.1.2 leaves it to us; far ends that look for tones need 40 ms.
pub const KEY_PAUSE: Duration = Duration::from_millis(60);

/// Legs that speak in a session whose keys are passed on to the others: two parties and a supervisor. In a larger room nobody wants to hear
/// the keys of others.
pub const KEY_LEGS_MAX: usize = 3;

/// Keys of one leg that were recognised and wait for the next frame; further ones are dropped. A key lasts two frames at least.
pub const KEYS_PER_FRAME_MAX: usize = 4;

/// Frames of 20 ms that are made up for when a shard comes late; what is older is left out, so that late work does not become more work.
pub const FRAMES_LATE_MAX: u64 = 4;

/// Payload types of one leg that are kept; the contract allows 32. Later ones are ignored.
pub const FORMATS_MAX: usize = 32;

/// Unlike RTP clock rates of one leg. Payload types with a further one are treated as unknown.
pub const CLOCK_RATES_MAX: usize = 8;

/// Port pairs tried for one leg when other processes hold them. After that the leg is refused ([`contract::MediaRefusal::PortsExhausted`]).
pub const PORT_TRIES_MAX: usize = 128;

/// Packets of one RTCP compound; two reports, names, a goodbye and some feedback are usual. A compound of more is dropped and counted.
pub const RTCP_PARTS_MAX: usize = 16;

/// RTCP compounds of one leg in a second; one in five seconds is usual, feedback may come some dozens of times. Further ones are dropped
/// and counted.
pub const RTCP_PER_SECOND_MAX: u16 = 50;

/// How often a leg is reported on, before randomisation, RFC 3550 section 6.2.
pub const RTCP_INTERVAL: Duration = Duration::from_secs(5);

/// Octets of a compound we make: sender report with a block, names, extended report, goodbye.
pub const RTCP_OWN_BYTES_MAX: usize = 256;
const _: () = assert!(RTCP_OWN_BYTES_MAX <= DATAGRAM_BYTES_MAX, "our own compound is a datagram");

/// Packets of one unexpected source before a leg may lock to it; none of them is relayed.
pub const LEARN_PACKETS: u8 = 5;

/// How long an unexpected source must have been sending before a leg may lock to it, to leave the signalled one time to appear.
pub const LEARN_WINDOW: Duration = Duration::from_millis(80);

/// How long after locking to an unexpected source the signalled one still takes over.
pub const LEARN_GRACE: Duration = Duration::from_secs(2);

/// How long after a far end changed its keys packets under the former ones are still taken: what was under way, and the time until it has
/// our answer.
pub const KEY_OVERLAP: Duration = Duration::from_secs(5);

/// Connectivity checks of one leg in a second: a browser sends one in 50 ms for each pair while it looks for a way, then one in 5 s. Further
/// ones are dropped and counted.
pub const CHECKS_PER_SECOND_MAX: u16 = 200;

/// Addresses of one far end that are known from its checks. Another takes the place of the one heard longest ago.
pub const ICE_SOURCES_MAX: usize = 8;

/// How long the far end's consent to be sent to holds after its last check, RFC 7675 section 5.1.
pub const CONSENT: Duration = Duration::from_secs(30);

/// How long a handshake may take. Then the leg has no keys ([`contract::Unsecured::HandshakeFailed`]).
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// How long an address nobody vouches for may keep a handshake to itself before another such address may begin its own.
pub const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(2);

/// DTLS datagrams of one leg in a second: a handshake has some ten, a lossy one twice that. Further ones are dropped and counted.
pub const DTLS_PER_SECOND_MAX: u16 = 50;

/// DTLS datagrams of one leg in a second from addresses nobody vouches for, so that strangers do not use up what the far end may send.
pub const DTLS_STRANGE_PER_SECOND_MAX: u16 = 10;

/// Steps of handshakes in one turn. Each takes up to 0.4 ms of arithmetic, and packets wait meanwhile.
pub const HANDSHAKE_STEPS_PER_TURN: usize = 2;

/// DTLS datagrams that wait for their turn. Further ones are dropped and counted; their senders repeat them.
pub const HANDSHAKE_STEPS: usize = 64;

/// Legs not described yet for which a first ClientHello is kept, one each: the answer to our offer and the handshake it leads to race
/// each other. Further ones are dropped and counted.
pub const EARLY_HELLOS: u16 = 64;
const _: () = assert!(HANDSHAKE_STEPS + EARLY_HELLOS as usize <= BUFFERS as usize / 8, "packets have buffers left");

/// Shortest silence time-out and report interval; a shorter one is raised to it.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Relayed packets after a change of source during which older ones are dropped instead of repeating numbers already used.
pub const STALE_WINDOW: u32 = 3_000;

/// A step of a source's timestamp against the clock beyond which it is taken for a new origin. Longer than an RFC 4733 event
/// (8.2 s at 8 kHz), during which the timestamp stands still.
pub const TIMESTAMP_STEP_MAX: Duration = Duration::from_secs(10);

/// Panics in a row after which a shard starts again with empty hands.
pub const PANICS_MAX: u32 = 3;
