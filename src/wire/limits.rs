//! The bounds of the SIP sockets, why each is what it is, and what happens there.

use std::time::Duration;

/// Datagrams read from one socket before others have their turn. One datagram costs tens of microseconds, so a flooded socket holds the
/// thread for a few milliseconds at most.
pub(super) const DATAGRAMS_PER_TURN: usize = 64;

/// Pieces read from one stream before others have their turn.
pub(super) const PIECES_PER_TURN: usize = 4;

/// Messages taken from the mailbox, and media events from the shards, before sockets have their turn.
pub(super) const MESSAGES_PER_TURN: usize = 256;

/// Receive buffer asked of the kernel for each UDP socket: what arrives in one second of 4,000 messages of 1 kB. The kernel may give less
/// (`net.core.rmem_max`); what does not fit is lost and repeated by its sender, RFC 3261 section 17.1.1.2.
pub(super) const DATAGRAM_RECEIVE_BYTES: usize = 4 * 1024 * 1024;

/// Send buffer asked of the kernel for each UDP socket. A datagram that does not fit is counted and lost, as it would be on the way.
pub(super) const DATAGRAM_SEND_BYTES: usize = 4 * 1024 * 1024;

/// Connections the kernel holds for us before we accept them.
pub(super) const BACKLOG: i32 = 1024;

/// Streams at once, unless the descriptor limit allows fewer. One more is accepted and closed at once.
pub const STREAMS_MAX: usize = 12_000;

/// A stream to which we never had anything to say is closed this long after it was accepted: whoever speaks SIP is answered, if only with a
/// challenge or a pong; who drips bytes or is silent is not.
pub(super) const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A stream without a byte either way for this long is closed. Longer than the longest registration, because a phone behind it may be silent
/// between two refreshes.
pub(super) const STREAM_IDLE_MAX: Duration = Duration::from_secs(7_500);

/// A far side that vanished without a word is found by TCP's own probes after this much silence.
pub(super) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);

/// A stream of ours that is not connected by then is given up: half of timer B, so that a transaction can still hear of it.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Bytes waiting for one stream's far side. One more message and the stream is given up as stalled: a reader that slow holds up its own calls
/// only, never our memory.
pub(super) const STREAM_QUEUE_BYTES_MAX: usize = 256 * 1024;

/// The kernel's own buffers of one stream, each way: the largest message. Left to itself the kernel may give one idle reader megabytes.
pub(super) const STREAM_KERNEL_BYTES: usize = signaling::limits::MESSAGE_BYTES_MAX + 1;

/// A stream that shall close has this long to take what is still queued for it.
pub(super) const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// A WebSocket has this long to come from the first packet over TLS and HTTP to its first frame.
pub(super) const UPGRADE_WITHIN: Duration = Duration::from_secs(10);

/// How often the far side of a WebSocket is asked whether it is there; after two pings without an answer it is given up. Shorter than the minute
/// after which proxies and NATs usually forget a silent connection.
pub(super) const WEBSOCKET_PING_EVERY: Duration = Duration::from_secs(25);

/// A WebSocket to which we never had anything to say is closed after this much time, though it answers pings: a page that connects before its user
/// logs in may wait so long, and connects again after that.
pub(super) const WEBSOCKET_SILENT_MAX: Duration = Duration::from_secs(300);

/// The buffer that frames of one WebSocket are read through. It grows with a message up to the largest one.
pub(super) const WEBSOCKET_READ_BYTES: usize = 4 * 1024;

/// Commands, store answers and orders waiting for the signaling thread. One more command is answered "exhausted".
pub(super) const MAILBOX_MAX: usize = 16_384;
const _: () = assert!(
    MAILBOX_MAX > signaling::limits::QUERIES_MAX + signaling::limits::LOCATE_QUESTIONS_MAX,
    "every answer of the store and of name servers finds room"
);

/// Media commands kept per shard while its ring is full. One more `OpenLeg` is refused as if the shard had refused it; closing commands are kept
/// up to twice this.
pub(crate) const MEDIA_BACKLOG_MAX: usize = 65_536;

/// How soon a full command ring is tried again.
pub(super) const MEDIA_RETRY: Duration = Duration::from_millis(1);

/// Panics of the exchange, each a defect of ours, before the process ends for its supervisor to start anew.
pub(super) const PANICS_MAX: u32 = 16;

/// How often the exchange checks itself while it runs.
pub(super) const CHECK_EVERY: Duration = Duration::from_secs(10);
