//! The header fields we name, their long and compact forms, and the way from bytes to a name.

/// Declares [`Header`] from one table of variant, long form and compact form.
macro_rules! headers {
    ($($variant:ident $long:literal $($compact:literal)?;)*) => {
        /// A header field name, in whatever case or form it was written.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each is the header field of its name")]
        pub enum Header {
            $($variant,)*
            /// A header field we have no name for.
            Other,
        }

        /// All but `Other`, in the order of declaration.
        const ALL: &[Header] = &[$(Header::$variant,)*];

        impl Header {
            /// The long form, as we write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $long,)*
                    Self::Other => "",
                }
            }

            /// The compact form of RFC 3261 section 7.3.3 and later registrations.
            #[must_use]
            pub const fn compact(self) -> Option<u8> {
                match self {
                    $($(Self::$variant => Some($compact),)?)*
                    #[allow(clippy::wildcard_enum_match_arm, reason = "most header fields have no compact form")]
                    _ => None,
                }
            }

            pub(super) const fn reason_missing(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Missing ", $long),)*
                    Self::Other => "Missing Header Field",
                }
            }

            pub(super) const fn reason_repeated(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Repeated ", $long),)*
                    Self::Other => "Repeated Header Field",
                }
            }

            pub(super) const fn reason_malformed(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Malformed ", $long),)*
                    Self::Other => "Malformed Header Field",
                }
            }
        }
    };
}

headers! {
    Via "Via" b'v';
    From "From" b'f';
    To "To" b't';
    CallId "Call-ID" b'i';
    CSeq "CSeq";
    Contact "Contact" b'm';
    MaxForwards "Max-Forwards";
    Route "Route";
    RecordRoute "Record-Route";
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    ContentEncoding "Content-Encoding" b'e';
    ContentDisposition "Content-Disposition";
    Expires "Expires";
    MinExpires "Min-Expires";
    Authorization "Authorization";
    WwwAuthenticate "WWW-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyAuthenticate "Proxy-Authenticate";
    AuthenticationInfo "Authentication-Info";
    Require "Require";
    ProxyRequire "Proxy-Require";
    Supported "Supported" b'k';
    Unsupported "Unsupported";
    Allow "Allow";
    AllowEvents "Allow-Events" b'u';
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AcceptContact "Accept-Contact" b'a';
    RejectContact "Reject-Contact" b'j';
    UserAgent "User-Agent";
    Server "Server";
    Path "Path";
    ServiceRoute "Service-Route";
    RetryAfter "Retry-After";
    Subject "Subject" b's';
    Organization "Organization";
    Priority "Priority";
    Event "Event" b'o';
    SubscriptionState "Subscription-State";
    SipEtag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    ReferTo "Refer-To" b'r';
    ReferredBy "Referred-By" b'b';
    ReferSub "Refer-Sub";
    Replaces "Replaces";
    Join "Join";
    SessionExpires "Session-Expires" b'x';
    MinSe "Min-SE";
    RSeq "RSeq";
    RAck "RAck";
    Date "Date";
    Timestamp "Timestamp";
    Warning "Warning";
    Reason "Reason";
    Diversion "Diversion";
    HistoryInfo "History-Info";
    Privacy "Privacy";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    Identity "Identity" b'y';
    RequestDisposition "Request-Disposition" b'd';
    AlertInfo "Alert-Info";
    CallInfo "Call-Info";
    ErrorInfo "Error-Info";
    InReplyTo "In-Reply-To";
    ReplyTo "Reply-To";
    MimeVersion "MIME-Version";
    FlowTimer "Flow-Timer";
    SecurityClient "Security-Client";
}

/// How many header fields have a name.
pub(super) const NAMED: usize = ALL.len();
const _: () = assert!(NAMED < EMPTY as usize, "a header's number is not the mark of an empty slot");

/// Mark of a slot without a header.
const EMPTY: u8 = 0xFF;

/// A perfect hash over the long forms, case folded: the compiler refuses two names in one slot.
static SLOTS: [u8; SLOT_COUNT] = slots();
const SLOT_COUNT: usize = 512;
const MIX_LENGTH: usize = 15;
const MIX_FIRST: usize = 412;
const MIX_MIDDLE: usize = 118;
const MIX_LAST: usize = 326;

const fn slot(name: &[u8]) -> usize {
    let length = name.len();
    let (first, middle, last) = (name[0] | 0x20, name[length / 2] | 0x20, name[length - 1] | 0x20);
    (length * MIX_LENGTH + first as usize * MIX_FIRST + middle as usize * MIX_MIDDLE + last as usize * MIX_LAST)
        % SLOT_COUNT
}

const fn slots() -> [u8; SLOT_COUNT] {
    let mut slots = [EMPTY; SLOT_COUNT];
    let mut at = 0;
    while at < ALL.len() {
        let slot = slot(ALL[at].name().as_bytes());
        assert!(slots[slot] == EMPTY, "two header names share a slot: choose other factors");
        slots[slot] = ALL[at] as u8;
        at += 1;
    }
    slots
}

/// Compact forms by letter.
static COMPACT: [u8; 26] = {
    let mut letters = [EMPTY; 26];
    let mut at = 0;
    while at < ALL.len() {
        if let Some(letter) = ALL[at].compact() {
            assert!(letters[(letter - b'a') as usize] == EMPTY, "two header fields share a compact form");
            letters[(letter - b'a') as usize] = ALL[at] as u8;
        }
        at += 1;
    }
    letters
};

impl Header {
    /// The header field that `name` names, in any case, long or compact.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match name {
            [] => Self::Other,
            [letter] => {
                let letter = letter.to_ascii_lowercase().wrapping_sub(b'a');
                let number = COMPACT.get(usize::from(letter)).copied().unwrap_or(EMPTY);
                ALL.get(usize::from(number)).copied().unwrap_or(Self::Other)
            }
            _ => match ALL.get(usize::from(SLOTS[slot(name)])) {
                Some(header) if same(header.name().as_bytes(), name) => *header,
                _ => Self::Other,
            },
        }
    }
}

/// Most senders write the long form in its usual case, so that is compared first.
fn same(long: &[u8], name: &[u8]) -> bool {
    long == name || long.eq_ignore_ascii_case(name)
}
