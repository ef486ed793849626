//! Whether an answer fits its offer, and what the two agreed on (RFC 3264 sections 6 and 7).

use super::{Description, Direction};
use contract::{Codec, Format};

/// Why an answer does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AnswerFault {
    /// Another number of media than in the offer.
    Count,
    /// A medium of another kind in the place of the offer's.
    Kind,
    /// The audio stream is refused, missing, or of another profile than offered.
    Refused,
    /// The audio stream shares no format for speech with the offer.
    NoCommonFormat,
}

/// What offer and answer agreed on for the audio stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Negotiated {
    /// Formats with the offerer's payload types: what the offerer receives. The answer's order.
    pub offerer: Vec<Format>,
    /// The same formats with the answerer's payload types: what the answerer receives.
    pub answerer: Vec<Format>,
    /// The direction as the offerer sees it.
    pub direction: Direction,
}

/// Compares an answer with its offer. Formats that only the answer has are not used (RFC 3264 section 7: the offerer must not send them).
///
/// # Errors
/// [`AnswerFault`].
pub fn check_answer(offer: &Description<'_>, answer: &Description<'_>) -> Result<Negotiated, AnswerFault> {
    if offer.media().len() != answer.media().len() {
        return Err(AnswerFault::Count);
    }
    if offer.media().zip(answer.media()).any(|(offered, answered)| offered.kind() != answered.kind()) {
        return Err(AnswerFault::Kind);
    }
    let offered = offer.audio().ok_or(AnswerFault::Refused)?;
    let answered = answer.audio().filter(|audio| !audio.is_refused()).ok_or(AnswerFault::Refused)?;
    // RFC 3264 section 6.1: the transport of the answer is that of the offer.
    if offered.media().index() != answered.media().index() || offered.media().proto() != answered.media().proto() {
        return Err(AnswerFault::Refused);
    }
    let offers = offered.formats();
    let (mut offerer, mut answerer) = (Vec::new(), Vec::new());
    for format in answered.formats() {
        if let Some(same) = offers.iter().find(|offer| offer.same_coding(&format)) {
            offerer.push(*same);
            answerer.push(format);
        }
    }
    if !answerer.iter().any(|format| !matches!(format.codec, Codec::TelephoneEvent | Codec::ComfortNoise)) {
        return Err(AnswerFault::NoCommonFormat);
    }
    // An answer that claims more than the offer gave is read as if it had kept to it.
    let direction = offered.direction().and(answered.direction().reversed());
    Ok(Negotiated { offerer, answerer, direction })
}
