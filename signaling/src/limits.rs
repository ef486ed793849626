//! Every bound of the signaling plane, why it is what it is, and what happens there.

use core::time::Duration;

/// Largest SIP message in bytes. Offsets into a message are 16 bits wide; RFC 3261 section 18.1.1 wants 65,535 accepted.
/// A larger datagram cannot exist; a larger stream message is answered 413 and its connection closed.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// Header fields in one message. Real ones hold under 40; a message with more is malformed (400).
pub const HEADERS_MAX: usize = 128;

/// Bytes of one message's header section. A stream that sends more without an empty line is answered 400 and closed.
pub const HEAD_BYTES_MAX: usize = 32_768;
const _: () = assert!(HEAD_BYTES_MAX < MESSAGE_BYTES_MAX, "a head fits into a message");

/// Requests longer than this go by TCP when the next hop was only reachable by UDP: the path MTU of 1500 less 200, RFC 3261 section 18.1.1.
pub const DATAGRAM_REQUEST_BYTES_MAX: usize = 1_300;
const _: () = assert!(DATAGRAM_REQUEST_BYTES_MAX < MESSAGE_BYTES_MAX, "what goes by UDP is a message");

/// Transactions of all kinds at once. A request above it is answered 503 without state.
pub const TRANSACTIONS_MAX: usize = 400_000;

/// Calls at once unless the configuration says less. A call above it is answered 503.
pub const CALLS_MAX: usize = 20_000;
const _: () = assert!(CALLS_MAX * 8 < TRANSACTIONS_MAX, "calls being set up and torn down fit into the transactions");

/// Contacts of one account. One more replaces the one that expires first.
pub const CONTACTS_PER_ACCOUNT_MAX: usize = 10;

/// Legs of one call: the caller and every forked branch, those of 3xx included. Further contacts are not tried.
pub const LEGS_PER_CALL_MAX: usize = 24;
const _: () = assert!(LEGS_PER_CALL_MAX > CONTACTS_PER_ACCOUNT_MAX, "every contact can be tried");
const _: () = assert!(LEGS_PER_CALL_MAX < contract::MEMBERS_MAX, "every leg fits into the hearing table");

/// Redirections (3xx) followed within one call; the next is passed to the caller as 480.
pub const REDIRECTS_MAX: usize = 5;

/// How often a leg's figures are reported.
pub const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// How long a call that is over waits for its shard to report the close. Then its record is written with the figures known so far.
pub const MEDIA_CLOSE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Requests passed between the two parties of one call at once, INVITE and UPDATE not counted. The next is answered 503.
pub const RELAYS_PER_CALL_MAX: usize = 8;

/// A re-INVITE or UPDATE passed to the other party is given up after this; 64*T1, as long as an INVITE without any answer.
pub const RENEGOTIATION_MAX: Duration = Duration::from_secs(32);

/// Bytes of a session description. A larger one is answered 413.
pub const SDP_BYTES_MAX: usize = 16_384;

/// How long an answer to REGISTER waits for the store before it is given from memory.
pub const STORE_WAIT_MAX: Duration = Duration::from_millis(500);

/// Questions to the store without an answer. Above it a REGISTER is answered from memory at once.
pub const QUERIES_MAX: usize = 4_096;

/// How long a nonce is good, RFC 7616 section 3.3. After it the challenge says `stale=true`.
pub const NONCE_LIFE: Duration = Duration::from_secs(300);

/// Nonces whose counts are remembered. Above it the oldest is forgotten and its next use is answered `stale=true`.
pub const NONCES_MAX: usize = 65_536;

/// Bytes of a Request-URI. Real ones hold under 300; a longer one is answered 414.
pub const REQUEST_URI_BYTES_MAX: usize = 2_048;
const _: () = assert!(REQUEST_URI_BYTES_MAX < HEAD_BYTES_MAX, "the limit of the head does not come first");

/// Streams with state here: more than the 10,000 idle ones that must do no harm, fewer than the 20,000 descriptors of a plain machine.
/// One more is closed at its first byte; a request that needs one more is not sent.
pub const STREAMS_MAX: usize = 16_384;

/// Bytes kept for a stream that is being opened. A request above it is not sent, a response above it is dropped.
pub const STREAM_QUEUE_BYTES_MAX: usize = 262_144;
const _: () = assert!(STREAM_QUEUE_BYTES_MAX >= MESSAGE_BYTES_MAX, "any one message can be sent");

/// How long a message on a stream may stay incomplete: as long as a transaction lives. Then the stream is closed.
pub const STREAM_MESSAGE_WAIT_MAX: Duration = Duration::from_secs(32);

/// Streams we closed whose late bytes are still recognised and thrown away. Above it the oldest is forgotten; bytes of it would then begin a
/// stream anew, which its end ends.
pub const STREAMS_CLOSED_MAX: usize = 256;

/// Addresses remembered to refuse TCP, so that large requests go by UDP at once. Above it the oldest is forgotten and asked again.
pub const TCP_REFUSED_MAX: usize = 1_024;

/// How long an address is remembered to refuse TCP.
pub const TCP_REFUSED_LIFE: Duration = Duration::from_secs(300);

/// What `Retry-After` says in a 503 given for want of room.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Bytes of the Call-ID of a REGISTER and of each Path value, which are kept as long as the binding: longer ones are answered 400.
/// A User-Agent is cut there.
pub const REGISTRATION_FIELD_BYTES_MAX: usize = 256;

/// Bytes of a Contact URI in a REGISTER; a longer one is answered 400.
pub const CONTACT_BYTES_MAX: usize = 512;
const _: () = assert!(CONTACT_BYTES_MAX < REQUEST_URI_BYTES_MAX, "a contact can be called");

/// Path values of one binding: the proxies between a phone and us. More are answered 400.
pub const PATH_VALUES_MAX: usize = 8;
