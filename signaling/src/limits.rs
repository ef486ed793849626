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

/// Transfers of one call in its record. Further ones happen and are not written down.
pub const TRANSFERS_PER_CALL_MAX: usize = 16;

/// Early dialogs of one INVITE of ours whose reliable responses are acknowledged: phones behind a proxy that forks. Those of further ones are not, and
/// they give up.
pub const EARLY_DIALOGS_MAX: usize = 8;

/// Provisional responses of one phone that are acknowledged. Further ones are not, and it gives up.
pub const PRACKS_MAX: u32 = 32;

/// Provisional responses that wait for the PRACK of the one before. A further one is left out, unless it holds a description.
pub const PROGRESS_QUEUE_MAX: usize = 4;

/// Digits of a number dialled by keys within a call. The number is complete then.
pub const DIALLED_BY_KEYS_MAX: usize = 32;

/// The least session interval, RFC 4028 section 4. A shorter one is answered 422.
pub const SESSION_INTERVAL_MIN: Duration = Duration::from_secs(90);

/// The longest session interval that is agreed on; a longer one is made this.
pub const SESSION_INTERVAL_MAX: Duration = Duration::from_secs(86_400);
const _: () =
    assert!(SESSION_INTERVAL_MIN.as_secs() < SESSION_INTERVAL_MAX.as_secs(), "there is something to agree on");

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

/// Bytes of a dialled number. Numbers of the world have 15 digits, with prefixes under 30; a longer one leads nowhere.
pub const DIALLED_BYTES_MAX: usize = 64;

/// Places of a pattern of numbers. One with more is refused when the configuration is read.
pub const PATTERN_PLACES_MAX: usize = 40;
const _: () = assert!(PATTERN_PLACES_MAX < DIALLED_BYTES_MAX, "every place of a pattern can be dialled");

/// How often one call is led on by forwarding, direct numbers and fallbacks. At the next it is refused.
pub const FORWARDS_MAX: usize = 5;

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

/// Bytes of a compiled expression of a header rule or a route. A larger one is refused with the configuration.
pub const EXPRESSION_BYTES_MAX: usize = 262_144;

/// Between the beginnings of two trunks after a start, so that many do not register at once.
pub const TRUNK_START_EVERY: Duration = Duration::from_millis(20);

/// Registrations at providers that are being taken back at once. Those of further trunks end by themselves.
pub const FAREWELLS_MAX: usize = 1_024;
const _: () = assert!(FAREWELLS_MAX < TRANSACTIONS_MAX, "each is a transaction");

/// The shortest wait after a REGISTER of ours that came to nothing; it doubles with every further one.
pub const REGISTER_RETRY_MIN: Duration = Duration::from_secs(5);

/// The longest wait after a REGISTER of ours without an answer. Shorter than the 1,800 s of RFC 5626 section 4.5: a trunk that comes back is wanted.
pub const REGISTER_RETRY_MAX: Duration = Duration::from_secs(300);
const _: () = assert!(REGISTER_RETRY_MIN.as_secs() < REGISTER_RETRY_MAX.as_secs(), "waits grow");

/// The wait after a REGISTER that was denied: who guesses passwords looks like that.
pub const REGISTER_REFUSED_WAIT: Duration = Duration::from_secs(300);

/// The longest Retry-After that is obeyed. A longer one counts as this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// An OPTIONS to a trunk without an answer for this long counts as missed. Its transaction goes on, an answer that comes later is nobody's.
pub const PROBE_WAIT: Duration = Duration::from_secs(3);

/// When something is about to be decided the next OPTIONS comes after this.
pub const PROBE_AGAIN: Duration = Duration::from_secs(2);

/// Answers in a row that bring a trunk up again.
pub const PROBES_UP: u32 = 2;

/// OPTIONS in a row without an answer that take a trunk down.
pub const PROBES_DOWN: u32 = 2;

/// A trunk at which a call failed is left alone for this long; doubled with every further failure.
pub const QUARANTINE_MIN: Duration = Duration::from_secs(5);

/// The longest time that a trunk is left alone because calls failed at it.
pub const QUARANTINE_MAX: Duration = Duration::from_secs(300);
const _: () = assert!(QUARANTINE_MIN.as_secs() < QUARANTINE_MAX.as_secs(), "quarantines grow");

/// 5xx and 408 in a row, 503 not counted, that put a trunk into quarantine.
pub const SERVER_ERRORS_MAX: u32 = 3;

/// Trunks tried for one call. The further ones of a route are not.
pub const TRUNK_ATTEMPTS_MAX: usize = 8;
const _: () = assert!(TRUNK_ATTEMPTS_MAX < LEGS_PER_CALL_MAX, "every attempt is a leg");

/// How often an INVITE is passed on between exchanges like this one. The next is answered 482.
pub const HOPS_MAX: u32 = 5;

/// Bytes of a caller's name, of his number, and of one Diversion or History-Info. Longer names and numbers are cut, longer histories left out.
pub const IDENTITY_BYTES_MAX: usize = 256;

/// Header fields of a caller's INVITE that rules may read. Further ones are not seen.
pub const RULE_FIELDS_MAX: usize = 64;

/// Bytes of one of them. Longer ones are not seen.
pub const RULE_FIELD_BYTES_MAX: usize = 512;
/// Subscriptions of all watchers at once. One more is answered 503.
pub const SUBSCRIPTIONS_MAX: usize = 50_000;
const _: () = assert!(SUBSCRIPTIONS_MAX * 2 < TRANSACTIONS_MAX, "every watcher can be told at once, and calls go on");

/// Subscriptions of one watcher: a desk phone with its largest panels of lamps, and as many again on another phone. One more is answered 403.
pub const SUBSCRIPTIONS_PER_ACCOUNT_MAX: usize = 400;
const _: () = assert!(SUBSCRIPTIONS_PER_ACCOUNT_MAX < SUBSCRIPTIONS_MAX, "one account does not take the room of all");

/// The pause after a NOTIFY before the next one of its subscription. What changes meanwhile is told together (RFC 6665 section 4.2.2).
pub const NOTIFY_PAUSE: Duration = Duration::from_millis(200);

/// How long a NOTIFY that was refused, without ending its subscription, waits for its second try when the refusal does not say.
pub const NOTIFY_RETRY: Duration = Duration::from_secs(5);

/// The longest such wait that a refusal can ask for.
pub const NOTIFY_RETRY_MAX: Duration = Duration::from_secs(300);
const _: () =
    assert!(NOTIFY_RETRY.as_secs() < NOTIFY_RETRY_MAX.as_secs(), "a watcher can ask for more than we wait anyway");

/// Refusals in a row after which a subscription ends, whatever they were.
pub const NOTIFY_REFUSALS_MAX: u8 = 5;

/// Bytes of the `id` of an Event header, which is kept as long as the subscription; a longer one is answered 400.
pub const EVENT_ID_BYTES_MAX: usize = 128;

/// Bytes of a published document. A larger one is answered 413.
pub const PUBLICATION_BYTES_MAX: usize = 8_192;

/// Publications of one account, as many as it has contacts. One more replaces the one that expires first.
pub const PUBLICATIONS_PER_ACCOUNT_MAX: usize = CONTACTS_PER_ACCOUNT_MAX;

/// Letters of a presence note. The rest is cut off.
pub const PRESENCE_NOTE_LETTERS_MAX: usize = 140;

/// Bytes of the body of a MESSAGE that came as a datagram (RFC 3428 section 8). A larger one is answered 413.
pub const PAGE_BYTES_MAX: usize = 1_300;

/// Bytes of the body of a MESSAGE that came by a stream. A larger one is answered 413.
pub const PAGE_BYTES_BY_STREAM_MAX: usize = 8_192;
const _: () = assert!(PAGE_BYTES_MAX <= PAGE_BYTES_BY_STREAM_MAX, "a stream carries what a datagram does");

/// How long the sender of a MESSAGE waits for the phones it is delivered to. RFC 4320 section 4.1 wants an answer well before its 32 s are over; after
/// this the message is kept.
pub const PAGE_WAIT_MAX: Duration = Duration::from_secs(4);

/// Messages kept for accounts that cannot be reached, of all accounts. One more is answered 503.
pub const PAGES_KEPT_MAX: usize = 10_000;

/// Host names being looked for at once. A request that needs one more is not sent.
pub const LOCATE_SEARCHES_MAX: usize = 256;

/// Questions to name servers without an answer. A search that needs one more finds nothing.
pub const LOCATE_QUESTIONS_MAX: usize = 1_024;

/// How long a question waits for its answer; then it counts as failed, and an answer that comes later is thrown away. Less than the patience of a
/// caller who hears nothing.
pub const LOCATE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Answers kept. Above it the one that ends first is forgotten and asked for again.
pub const LOCATE_CACHE_MAX: usize = 4_096;

/// An answer is believed at least this long, whatever it says, so that a burst of calls asks once.
pub const LOCATE_TTL_MIN: Duration = Duration::from_secs(1);

/// An answer is believed no longer than this, whatever it says.
pub const LOCATE_TTL_MAX: Duration = Duration::from_secs(86_400);

/// That there is nothing is believed no longer than this, RFC 2308 section 5; shorter than that allows, because somebody waits for a repair.
pub const LOCATE_NOTHING_LIFE_MAX: Duration = Duration::from_secs(300);

/// That nobody could tell is believed this long, RFC 2308 section 7.1 (at most five minutes).
pub const LOCATE_FAILED_LIFE: Duration = Duration::from_secs(5);

/// Records of one answer that are looked at.
pub const LOCATE_RECORDS_MAX: usize = 32;

/// Addresses tried for one request.
pub const LOCATE_TARGETS_MAX: usize = 16;

/// How long an address may be silent before the next one is tried, when there is a next one: a request, two repetitions (after T1 and 2*T1), and 4*T1
/// for the answer to the last. The last address has the whole time of its transaction.
pub const TARGET_WAIT_MAX: Duration = Duration::from_millis(3_500);

/// How long an address has at least when whoever asks waits only for so long and there are many: a request and a repetition (after T1).
pub const TARGET_WAIT_MIN: Duration = Duration::from_secs(1);
const _: () = assert!(TARGET_WAIT_MIN.as_millis() < TARGET_WAIT_MAX.as_millis(), "shares are no longer than the whole");

/// How often it is looked whether the servers of a trunk by host name are where they were. Name servers are asked only for what may not be believed any
/// more.
pub const TRUNK_LOCATE_EVERY: Duration = Duration::from_secs(30);

/// A trunk's servers that name servers do not confirm for so long are not the trunk's any more: their calls are those of strangers.
pub const TRUNK_LOCATION_LIFE: Duration = Duration::from_secs(3_600);
const _: () =
    assert!(TRUNK_LOCATE_EVERY.as_secs() * 10 < TRUNK_LOCATION_LIFE.as_secs(), "a name server may be away for a while");
