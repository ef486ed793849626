//! Header fields of the extensions that dialogs use: RSeq and RAck (RFC 3262), Session-Expires and Min-SE (RFC 4028), Replaces (RFC 3891), Refer-To
//! (RFC 3515).

use super::{
    Header, Malformed, Message, Method, NameAddr, Params,
    lex::{self, Cursor},
    uri::unescape,
};

/// RAck (RFC 3262 section 7.2): which reliable response is acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RAck<'a> {
    /// RSeq of the response.
    pub rseq: u32,
    /// CSeq number of the response.
    pub cseq: u32,
    /// The method of the response's CSeq.
    pub method: Method<'a>,
}

/// Who sends the refreshes of a session, as Session-Expires names him (RFC 4028 section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefresherRole {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

impl RefresherRole {
    /// As it is written.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// Session-Expires (RFC 4028 section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionExpires {
    /// The session interval in seconds.
    pub seconds: u32,
    /// Who refreshes; `None`: it is left open.
    pub refresher: Option<RefresherRole>,
}

/// Replaces (RFC 3891 section 6.1): the dialog that shall be replaced, with tags as its owner, who gets this, knows them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// The tag of who gets this.
    pub to_tag: String,
    /// The tag of his peer.
    pub from_tag: String,
    /// Only while it is early.
    pub early_only: bool,
}

impl Replaces {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Malformed::Value`].
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        const WHY: Malformed = Malformed::Value(Header::Replaces);
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let params = Params::parse(&value[end..]).map_err(|_| WHY)?;
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WHY);
        let call_id = text(lex::trim(&value[..end]))?;
        // RFC 3891 section 6.1: both tags are there exactly once.
        let once =
            |name: &str| params.iter().filter(|(written, _)| written.eq_ignore_ascii_case(name.as_bytes())).count();
        if call_id.is_empty() || once("to-tag") != 1 || once("from-tag") != 1 {
            return Err(WHY);
        }
        Ok(Self {
            call_id,
            to_tag: text(params.value("to-tag").ok_or(WHY)?)?,
            from_tag: text(params.value("from-tag").ok_or(WHY)?)?,
            early_only: params.get("early-only").is_some(),
        })
    }
}

/// Refer-To (RFC 3515 section 2.1).
#[derive(Clone, Debug)]
pub struct ReferTo<'a> {
    /// Who is to be called.
    pub address: NameAddr<'a>,
    /// The dialog that the call shall replace (RFC 3891 section 6.1), from the URI's headers.
    pub replaces: Option<Replaces>,
    /// The method, when it is not INVITE.
    pub method: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// RSeq, 1 to 2^32 - 1 (RFC 3262 section 7.1).
    ///
    /// # Errors
    /// It is no such number.
    pub fn rseq(&self) -> Result<Option<u32>, Malformed> {
        let Some(value) = self.header(Header::RSeq) else { return Ok(None) };
        let number = lex::number(value).and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
        number.map(Some).ok_or(Malformed::Value(Header::RSeq))
    }

    /// RAck.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn rack(&self) -> Result<RAck<'a>, Malformed> {
        const WHY: Malformed = Malformed::Value(Header::RAck);
        let mut cursor = Cursor::new(self.header(Header::RAck).ok_or(Malformed::Missing(Header::RAck))?);
        let mut number = || {
            let digits = cursor.run(|byte| byte.is_ascii_digit());
            cursor.space();
            lex::number(digits).and_then(|number| u32::try_from(number).ok()).ok_or(WHY)
        };
        let (rseq, cseq) = (number()?, number()?);
        let method = cursor.token().filter(|_| cursor.rest.is_empty()).ok_or(WHY)?;
        Ok(RAck { rseq, cseq, method: Method::of(method) })
    }

    /// Session-Expires.
    ///
    /// # Errors
    /// It is malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, Malformed> {
        const WHY: Malformed = Malformed::Value(Header::SessionExpires);
        let Some(value) = self.header(Header::SessionExpires) else { return Ok(None) };
        let (seconds, params) = interval(value).ok_or(WHY)?;
        let refresher = match params.value("refresher") {
            None => None,
            Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(RefresherRole::Uac),
            Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(RefresherRole::Uas),
            Some(_) => return Err(WHY),
        };
        Ok(Some(SessionExpires { seconds, refresher }))
    }

    /// Min-SE in seconds (RFC 4028 section 5).
    ///
    /// # Errors
    /// It is malformed.
    pub fn min_se(&self) -> Result<Option<u32>, Malformed> {
        let Some(value) = self.header(Header::MinSe) else { return Ok(None) };
        interval(value).map(|(seconds, _)| Some(seconds)).ok_or(Malformed::Value(Header::MinSe))
    }

    /// Replaces; `None`: there is none.
    ///
    /// # Errors
    /// It is malformed, or there is more than one (RFC 3891 section 3).
    pub fn replaces(&self) -> Result<Option<Replaces>, Malformed> {
        let mut values = self.values(Header::Replaces);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Malformed::Repeated(Header::Replaces));
        }
        Replaces::parse(value).map(Some)
    }

    /// Refer-To.
    ///
    /// # Errors
    /// It is missing, malformed, or there is more than one (RFC 3515 section 2.4.1).
    pub fn refer_to(&self) -> Result<ReferTo<'a>, Malformed> {
        const WHY: Malformed = Malformed::Value(Header::ReferTo);
        let mut values = self.values(Header::ReferTo);
        let value = values.next().ok_or(Malformed::Missing(Header::ReferTo))?;
        if values.next().is_some() {
            return Err(Malformed::Repeated(Header::ReferTo));
        }
        let address = NameAddr::parse(value).map_err(|_| WHY)?;
        let mut named =
            address.uri.headers().filter(|(name, _)| unescape(name).eq_ignore_ascii_case(Header::Replaces.name()));
        let replaces = match (named.next(), named.next()) {
            (None, _) => None,
            (Some((_, Some(value))), None) => Some(Replaces::parse(unescape(value).as_bytes()).map_err(|_| WHY)?),
            (Some(_), _) => return Err(WHY),
        };
        let method = address.uri.param("method").flatten().filter(|method| *method != b"INVITE");
        Ok(ReferTo { address, replaces, method })
    }
}

/// Seconds and parameters. What is larger than `u32` is the largest `u32`.
fn interval(value: &[u8]) -> Option<(u32, Params<'_>)> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    Some((lex::seconds(lex::trim(&value[..end]))?, Params::parse(&value[end..]).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialog_to_be_replaced_is_read() {
        let read = Replaces::parse(b"98asjd8@test.test;to-tag=12345;from-tag=54321;early-only").unwrap();
        assert_eq!(
            (read.call_id.as_str(), read.to_tag.as_str(), read.from_tag.as_str()),
            ("98asjd8@test.test", "12345", "54321")
        );
        assert!(read.early_only);
        for broken in [
            "",
            "a@b",
            "a@b;to-tag=1",
            "a@b;from-tag=1",
            "a@b;to-tag=1;to-tag=2;from-tag=3",
            ";to-tag=1;from-tag=2",
            "a@b;to-tag;from-tag=2",
        ] {
            assert!(Replaces::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn intervals_are_read() {
        for (value, seconds) in
            [("1800", Some(1_800)), ("90 ; refresher=uac", Some(90)), ("", None), ("x", None), ("1;;", None)]
        {
            assert_eq!(interval(value.as_bytes()).map(|(seconds, _)| seconds), seconds, "{value}");
        }
    }
}
