//! The event packages we know (RFC 6665 section 7.2), and the Event header that names one.

use crate::message::{Header, Message, Params, trim};

/// An event package.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Package {
    /// RFC 4235: the dialogs of an account, for lamps of other phones.
    Dialog,
    /// RFC 3842: the messages in an account's mailbox.
    MessageSummary,
    /// RFC 3856: whether somebody can be reached, and in what mood.
    Presence,
    /// RFC 3680: the contacts of an account.
    Registration,
}

/// What Allow-Events says (RFC 6665 section 8.2.2).
pub const ALLOW_EVENTS: &str = "dialog, message-summary, presence, reg";

impl Package {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::Dialog, Self::MessageSummary, Self::Presence, Self::Registration];

    /// As in an Event header.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::MessageSummary => "message-summary",
            Self::Presence => "presence",
            Self::Registration => "reg",
        }
    }

    /// The media type of its documents, which is also what is sent when the watcher names none.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            // RFC 4235 section 3.5, RFC 3842 section 3.5, RFC 3856 section 6.7, RFC 3680 section 4.5.
            Self::Dialog => "application/dialog-info+xml",
            Self::MessageSummary => "application/simple-message-summary",
            Self::Presence => "application/pidf+xml",
            Self::Registration => "application/reginfo+xml",
        }
    }

    /// Its place among [`Package::ALL`].
    pub(super) const fn place(self) -> usize {
        self as usize
    }

    /// Whether a watcher takes its documents, by the Accept header of its SUBSCRIBE. Without one the package's own type is meant
    /// (RFC 6665 section 3.1.3).
    #[must_use]
    pub fn is_accepted_by(self, request: &Message<'_>) -> bool {
        if request.header(Header::Accept).is_none() {
            return true;
        }
        request.values(Header::Accept).any(|range| {
            let range = trim(range.split(|byte| *byte == b';').next().unwrap_or_default());
            ["*/*", "application/*", self.media_type()].iter().any(|ours| range.eq_ignore_ascii_case(ours.as_bytes()))
        })
    }
}

/// What an Event header names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event<'a> {
    /// The package.
    pub package: Package,
    /// The `id` parameter, which tells subscriptions of one dialog apart and is repeated in every NOTIFY (RFC 6665 section 8.2.1).
    pub id: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Reads the Event header of `request`; `None`: there is none, it is malformed, or it names a package we do not know. All of that is answered 489.
    //
    // Deviates: RFC 4235 section 3.3 lets `call-id`, `to-tag` and `from-tag` narrow a subscription to one dialog; they are not read, and all dialogs
    // of the account are told.
    #[must_use]
    pub fn of(request: &Message<'a>) -> Option<Self> {
        let value = request.header(Header::Event)?;
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (name, rest) = value.split_at(end);
        let name = trim(name);
        // RFC 6665 section 8.2.1: names are compared octet by octet.
        let package = Package::ALL.into_iter().find(|package| package.token().as_bytes() == name)?;
        let params = Params::parse(rest).ok()?;
        Some(Self { package, id: params.value("id") })
    }
}
