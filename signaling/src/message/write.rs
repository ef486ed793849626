//! Writing messages. Whatever is passed in, what comes out is one message: values cannot end their line, and Content-Length is ours.

use super::{Header, Method, lex};
use bytes::Bytes;

/// What can name a header field for [`Writer::header`].
pub trait FieldName {
    /// As written on the wire.
    fn field_name(&self) -> &[u8];
}

impl FieldName for Header {
    fn field_name(&self) -> &[u8] {
        self.name().as_bytes()
    }
}

impl FieldName for &str {
    fn field_name(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl FieldName for &[u8] {
    fn field_name(&self) -> &[u8] {
        self
    }
}

/// A message being written, head first.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Capacity at the start: most messages without body fit.
    const CAPACITY: usize = 1024;

    /// Begins a request. Octets that may not stand in a Request-URI are escaped.
    #[must_use]
    pub fn request(method: Method<'_>, uri: impl AsRef<[u8]>) -> Self {
        let mut bytes = Vec::with_capacity(Self::CAPACITY);
        bytes.extend(method.as_bytes().iter().copied().filter(|byte| lex::is_token(*byte)));
        bytes.push(b' ');
        for byte in uri.as_ref() {
            if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"') {
                bytes.push(*byte);
            } else {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                bytes.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        bytes.extend(b" SIP/2.0\r\n");
        Self { bytes }
    }

    /// Begins a response. `status` is brought into 100 to 699.
    #[must_use]
    pub fn response(status: u16, reason: impl AsRef<[u8]>) -> Self {
        let mut bytes = Vec::with_capacity(Self::CAPACITY);
        bytes.extend(b"SIP/2.0 ");
        push_number(&mut bytes, usize::from(status.clamp(100, 699)));
        bytes.push(b' ');
        let mut writer = Self { bytes };
        writer.value(reason.as_ref());
        writer
    }

    /// Appends a header field. CR and LF in the value become spaces. A name that is no token, and Content-Length, are left out:
    /// [`Writer::finish`] writes the latter.
    pub fn header(&mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> &mut Self {
        self.line(name.field_name(), value.as_ref())
    }

    /// Appends a header field by the bytes of its name, as [`Writer::header`].
    pub fn line(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        let is_name = !name.is_empty() && name.iter().all(|byte| lex::is_token(*byte));
        if is_name && Header::of(name) != Header::ContentLength {
            self.bytes.extend(name);
            self.bytes.extend(b": ");
            self.value(value);
        }
        self
    }

    /// Begins header lines without a start line, to be kept and appended to messages by [`Writer::append`].
    #[must_use]
    pub(crate) fn lines() -> Self {
        Self { bytes: Vec::with_capacity(Self::CAPACITY / 2) }
    }

    /// What was written so far.
    #[must_use]
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends bytes that a `Writer` wrote before: whole lines, or parts that make up whole lines.
    pub(crate) fn append(&mut self, written: &[u8]) -> &mut Self {
        self.bytes.extend(written);
        self
    }

    fn value(&mut self, value: &[u8]) {
        if memchr::memchr2(b'\r', b'\n', value).is_none() {
            self.bytes.extend(value);
        } else {
            self.bytes.extend(value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
        }
        self.bytes.extend(b"\r\n");
    }

    /// Ends the message with Content-Type (if there is a body), Content-Length and the body.
    #[must_use]
    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        if let Some((content_type, _)) = body {
            self.header(Header::ContentType, content_type);
        }
        let body = body.map_or(&[][..], |(_, body)| body);
        self.bytes.extend(b"Content-Length: ");
        push_number(&mut self.bytes, body.len());
        self.bytes.extend(b"\r\n\r\n");
        self.bytes.extend(body);
        self.bytes.into()
    }
}

/// Appends `number` in decimal without the machinery of formatting.
fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        #[expect(clippy::cast_possible_truncation, reason = "a decimal digit")]
        {
            digits[at] = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 {
            break;
        }
    }
    bytes.extend(&digits[at..]);
}
