//! Header fields read on demand, and the check of a whole message.

use super::{Header, Malformed, Message, Method, NameAddr, Params, Scheme, StartLine, Uri, Via, lex};

/// CSeq (RFC 3261 section 20.16).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CSeq<'a> {
    /// Below 2^31 (RFC 3261 section 8.1.1.5).
    pub number: u32,
    /// The request's method.
    pub method: Method<'a>,
}

/// Contact (RFC 3261 section 20.10).
#[derive(Clone, Copy, Debug)]
pub enum Contacts<'a> {
    /// `*`: all bindings.
    Star,
    /// Addresses, perhaps none.
    List(ContactList<'a>),
}

/// Addresses of a message's Contact lines; all of them were read once without a fault.
#[derive(Clone, Copy, Debug)]
pub struct ContactList<'a>(Message<'a>);

impl<'a> ContactList<'a> {
    /// The addresses in order.
    pub fn iter(&self) -> impl Iterator<Item = NameAddr<'a>> + use<'a> {
        self.0.values(Header::Contact).filter_map(|value| NameAddr::parse(value).ok())
    }
}

impl<'a> Contacts<'a> {
    /// The addresses in order; none for `*`.
    pub fn iter(&self) -> impl Iterator<Item = NameAddr<'a>> + use<'a> {
        let list = match self {
            Self::Star => None,
            Self::List(list) => Some(*list),
        };
        list.into_iter().flat_map(|list| list.iter())
    }
}

impl<'a> Message<'a> {
    fn required(&self, name: Header) -> Result<&'a [u8], Malformed> {
        self.header(name).ok_or(Malformed::Missing(name))
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn top_via(&self) -> Result<Via<'a>, Malformed> {
        let value = self.values(Header::Via).next().ok_or(Malformed::Missing(Header::Via))?;
        Via::parse(value).map_err(|_| Malformed::Value(Header::Via))
    }

    /// The address in From.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn from(&self) -> Result<NameAddr<'a>, Malformed> {
        NameAddr::parse(self.required(Header::From)?).map_err(|_| Malformed::Value(Header::From))
    }

    /// The address in To.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn to(&self) -> Result<NameAddr<'a>, Malformed> {
        NameAddr::parse(self.required(Header::To)?).map_err(|_| Malformed::Value(Header::To))
    }

    /// Call-ID: visible ASCII.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn call_id(&self) -> Result<&'a [u8], Malformed> {
        let value = self.required(Header::CallId)?;
        let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
        if visible { Ok(value) } else { Err(Malformed::Value(Header::CallId)) }
    }

    /// CSeq.
    ///
    /// # Errors
    /// It is missing or malformed, or its number is 2^31 or more.
    pub fn cseq(&self) -> Result<CSeq<'a>, Malformed> {
        const WHY: Malformed = Malformed::Value(Header::CSeq);
        let mut cursor = lex::Cursor::new(self.required(Header::CSeq)?);
        let digits = cursor.run(|byte| byte.is_ascii_digit());
        let number =
            lex::number(digits).and_then(|number| u32::try_from(number).ok()).filter(|number| *number < 1 << 31);
        let before = cursor.rest.len();
        cursor.space();
        let method = cursor.token().ok_or(WHY)?;
        if before == method.len() || !cursor.rest.is_empty() {
            return Err(WHY);
        }
        Ok(CSeq { number: number.ok_or(WHY)?, method: Method::of(method) })
    }

    /// Contact.
    ///
    /// # Errors
    /// One of the addresses is malformed, or `*` is not alone.
    pub fn contacts(&self) -> Result<Contacts<'a>, Malformed> {
        let mut values = self.values(Header::Contact);
        if self.values(Header::Contact).any(|value| value == b"*") {
            values.next();
            return if values.next().is_none() { Ok(Contacts::Star) } else { Err(Malformed::Value(Header::Contact)) };
        }
        if values.all(|value| NameAddr::parse(value).is_ok()) {
            Ok(Contacts::List(ContactList(*self)))
        } else {
            Err(Malformed::Value(Header::Contact))
        }
    }

    /// The first address of a header field that holds a list of them: Route, Record-Route, Path, Refer-To, P-Asserted-Identity….
    ///
    /// # Errors
    /// It is malformed.
    pub fn address(&self, name: Header) -> Result<Option<NameAddr<'a>>, Malformed> {
        self.addresses(name).next().transpose()
    }

    /// All addresses of such a header field, in order.
    pub fn addresses(&self, name: Header) -> impl Iterator<Item = Result<NameAddr<'a>, Malformed>> + use<'a> {
        self.values(name).map(move |value| NameAddr::parse(value).map_err(|_| Malformed::Value(name)))
    }

    /// Max-Forwards.
    ///
    /// # Errors
    /// It is no number up to 255 (RFC 3261 section 20.22).
    pub fn max_forwards(&self) -> Result<Option<u8>, Malformed> {
        let Some(value) = self.header(Header::MaxForwards) else { return Ok(None) };
        let number = lex::number(value).and_then(|number| u8::try_from(number).ok());
        number.map(Some).ok_or(Malformed::Value(Header::MaxForwards))
    }

    /// Expires in seconds; what is larger than `u32` is the largest `u32`.
    ///
    /// # Errors
    /// It is no number.
    pub fn expires(&self) -> Result<Option<u32>, Malformed> {
        self.delta_seconds(Header::Expires)
    }

    /// Min-Expires in seconds, as [`Message::expires`].
    ///
    /// # Errors
    /// It is no number.
    pub fn min_expires(&self) -> Result<Option<u32>, Malformed> {
        self.delta_seconds(Header::MinExpires)
    }

    /// Retry-After in seconds, as [`Message::expires`]; comment and parameters are left out.
    ///
    /// # Errors
    /// It does not begin with a number.
    pub fn retry_after(&self) -> Result<Option<u32>, Malformed> {
        self.delta_seconds(Header::RetryAfter)
    }

    fn delta_seconds(&self, name: Header) -> Result<Option<u32>, Malformed> {
        let Some(value) = self.header(name) else { return Ok(None) };
        let mut cursor = lex::Cursor::new(value);
        let digits = cursor.run(|byte| byte.is_ascii_digit());
        let whole = cursor.rest.is_empty() || name == Header::RetryAfter;
        lex::seconds(digits).filter(|_| whole).map(Some).ok_or(Malformed::Value(name))
    }

    /// Content-Type without parameters, `type/subtype` as written.
    ///
    /// # Errors
    /// It is malformed.
    pub fn content_type(&self) -> Result<Option<ContentType<'a>>, Malformed> {
        self.header(Header::ContentType).map(ContentType::parse).transpose()
    }

    /// Whether one of the comma separated tokens of that header field is `token`, without regard to case.
    #[must_use]
    pub fn lists(&self, name: Header, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Everything that RFC 3261 makes a 400, a 416 or a 505 whatever the message is about: structure, start line, and the grammar of
    /// the header fields that every element reads. A response with a fault is dropped (section 18.1.2 and 8.1.3.3).
    ///
    /// # Errors
    /// The first fault, in the order in which it decides the answer.
    pub fn check(&self) -> Result<(), Malformed> {
        if let StartLine::Request { version, .. } = self.start()
            && !version.eq_ignore_ascii_case(b"SIP/2.0")
        {
            // RFC 4475 section 3.1.2.16: nothing else of another version can be judged.
            return Err(Malformed::Version);
        }
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        for via in self.values(Header::Via) {
            Via::parse(via).map_err(|_| Malformed::Value(Header::Via))?;
        }
        self.top_via()?;
        self.call_id()?;
        self.from()?;
        self.to()?;
        let cseq = self.cseq()?;
        self.max_forwards()?;
        self.expires()?;
        self.contacts()?;
        for name in [Header::Route, Header::RecordRoute] {
            self.addresses(name).try_for_each(|address| address.map(drop))?;
        }
        self.content_type()?;
        let StartLine::Request { method, uri, .. } = self.start() else { return Ok(()) };
        // RFC 4475 sections 3.1.2.17 and 3.1.2.18: 400, but an unknown method is better told that it is unknown.
        if cseq.method != method && method.known().is_some() {
            return Err(Malformed::MethodMismatch);
        }
        let uri = Uri::parse(uri).map_err(|_| Malformed::RequestUri)?;
        match uri.scheme() {
            // RFC 3261 section 19.1.1 table 1: no headers in a Request-URI.
            Scheme::Sip | Scheme::Sips if uri.has_headers() => Err(Malformed::RequestUri),
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
            // RFC 3261 section 8.2.2.1.
            Scheme::Other => Err(Malformed::Scheme),
        }
    }
}

/// A media type with parameters (RFC 3261 section 20.15).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContentType<'a> {
    /// As written.
    pub main: &'a [u8],
    /// As written.
    pub sub: &'a [u8],
    /// Such as `boundary`.
    pub params: Params<'a>,
}

impl<'a> ContentType<'a> {
    /// Reads a media type.
    ///
    /// # Errors
    /// [`Malformed::Value`] of Content-Type.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        const WHY: Malformed = Malformed::Value(Header::ContentType);
        let mut cursor = lex::Cursor::new(value);
        let main = cursor.token().ok_or(WHY)?;
        if !cursor.separator(b'/') {
            return Err(WHY);
        }
        let sub = cursor.token().ok_or(WHY)?;
        Ok(Self { main, sub, params: Params::parse(cursor.rest).map_err(|_| WHY)? })
    }

    /// Whether it is this type, without regard to case and parameters.
    #[must_use]
    pub const fn is(&self, main: &str, sub: &str) -> bool {
        self.main.eq_ignore_ascii_case(main.as_bytes()) && self.sub.eq_ignore_ascii_case(sub.as_bytes())
    }
}
