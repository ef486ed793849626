//! Request methods (RFC 3261 section 7.1 and the extensions that name more).

use crate::fact::MethodLabel;

/// A request method. Case matters (RFC 3261 section 7.1): `invite` is [`Method::Other`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "each is the method of its name")]
pub enum Method<'a> {
    Register,
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Update,
    Prack,
    Info,
    Refer,
    Subscribe,
    Notify,
    Publish,
    Message,
    /// Anything else, as written.
    Other(&'a [u8]),
}

impl<'a> Method<'a> {
    /// Reads a method token as written.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        match bytes {
            b"REGISTER" => Self::Register,
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"INFO" => Self::Info,
            b"REFER" => Self::Refer,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"PUBLISH" => Self::Publish,
            b"MESSAGE" => Self::Message,
            other => Self::Other(other),
        }
    }

    /// As it is written on the wire.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Register => b"REGISTER",
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Options => b"OPTIONS",
            Self::Update => b"UPDATE",
            Self::Prack => b"PRACK",
            Self::Info => b"INFO",
            Self::Refer => b"REFER",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Notify => b"NOTIFY",
            Self::Publish => b"PUBLISH",
            Self::Message => b"MESSAGE",
            Self::Other(bytes) => bytes,
        }
    }

    /// As a bounded label.
    #[must_use]
    pub const fn label(self) -> MethodLabel {
        match self {
            Self::Register => MethodLabel::Register,
            Self::Invite => MethodLabel::Invite,
            Self::Ack => MethodLabel::Ack,
            Self::Bye => MethodLabel::Bye,
            Self::Cancel => MethodLabel::Cancel,
            Self::Options => MethodLabel::Options,
            Self::Update => MethodLabel::Update,
            Self::Prack => MethodLabel::Prack,
            Self::Info => MethodLabel::Info,
            Self::Refer => MethodLabel::Refer,
            Self::Subscribe => MethodLabel::Subscribe,
            Self::Notify => MethodLabel::Notify,
            Self::Publish => MethodLabel::Publish,
            Self::Message => MethodLabel::Message,
            Self::Other(_) => MethodLabel::Other,
        }
    }

    /// The same method without the message it was read from; `None` for [`Method::Other`].
    #[must_use]
    pub const fn known(self) -> Option<Method<'static>> {
        match self {
            Self::Register => Some(Method::Register),
            Self::Invite => Some(Method::Invite),
            Self::Ack => Some(Method::Ack),
            Self::Bye => Some(Method::Bye),
            Self::Cancel => Some(Method::Cancel),
            Self::Options => Some(Method::Options),
            Self::Update => Some(Method::Update),
            Self::Prack => Some(Method::Prack),
            Self::Info => Some(Method::Info),
            Self::Refer => Some(Method::Refer),
            Self::Subscribe => Some(Method::Subscribe),
            Self::Notify => Some(Method::Notify),
            Self::Publish => Some(Method::Publish),
            Self::Message => Some(Method::Message),
            Self::Other(_) => None,
        }
    }
}
