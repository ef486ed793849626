//! One dialog as the phone lives it: identity, stage, and what it may send and hear.

use crate::{
    sdp::{Description, Direction},
    text::{self, Sip},
};
use contract::Instant;
use core::net::SocketAddr;

/// How far a call got, from this phone's side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// INVITE sent or received, no final answer.
    Inviting,
    /// We answered 200, the ACK has not come.
    Answered,
    /// Both sides know it is answered.
    Up,
    /// Over; kept to answer repetitions.
    Over,
}

/// A 2xx that waits for its ACK.
#[derive(Clone, Debug)]
pub(crate) struct Unacknowledged {
    pub(crate) cseq: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) since: Instant,
    /// The 2xx held our offer; the ACK holds the answer.
    pub(crate) offered: bool,
}

/// What the phone knows of one call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Whether this phone sent the INVITE.
    pub(crate) is_uac: bool,
    pub(crate) stage: Stage,
    pub(crate) call_id: String,
    /// Our From or To value with our tag.
    pub(crate) local: String,
    pub(crate) local_tag: String,
    /// Theirs; without a tag until it is known.
    pub(crate) remote: String,
    pub(crate) remote_tag: Option<String>,
    /// Where requests within the dialog are addressed.
    pub(crate) target: String,
    pub(crate) cseq: u32,
    pub(crate) remote_cseq: u32,
    /// UAC: branch of our INVITE. UAS: branch of theirs.
    pub(crate) invite_branch: String,
    /// UAS: the INVITE, to answer it.
    pub(crate) invite: Option<Sip>,
    /// UAC: sequence number of the INVITE that was answered.
    pub(crate) invite_cseq: u32,
    /// UAC: a provisional answer came, so a CANCEL may be sent (RFC 3261 section 9.1).
    pub(crate) provisional: bool,
    pub(crate) cancel_wanted: bool,
    pub(crate) cancel_sent: bool,
    /// Final status of the INVITE.
    pub(crate) status: Option<u16>,
    pub(crate) unacknowledged: Option<Unacknowledged>,
    /// The ACK we sent for a 2xx, to send it again, with its CSeq.
    pub(crate) ack: Option<(u32, Vec<u8>)>,
    pub(crate) no_ack: bool,
    pub(crate) media: PhoneMedia,
    /// Branch of our open re-INVITE or UPDATE.
    pub(crate) modifying: Option<String>,
    /// Last message either way.
    pub(crate) active_at: Instant,
    /// We sent or received BYE.
    pub(crate) bye_seen: bool,
    /// The last reliable response: theirs that we acknowledged, or ours and its bytes until they do.
    pub(crate) rseq: Option<u32>,
    /// The To of a response that we acknowledged and that answered our offer.
    pub(crate) described_in: Option<String>,
    pub(crate) unacknowledged_progress: Option<Vec<u8>>,
    /// A transfer that we ordered is under way.
    pub(crate) referring: bool,
    /// We promised to refresh it.
    pub(crate) refreshes: bool,
}

/// The media half of a call.
#[derive(Clone, Debug)]
pub(crate) struct PhoneMedia {
    /// Where we listen.
    pub(crate) own: SocketAddr,
    pub(crate) formats: Vec<u8>,
    pub(crate) session: u64,
    pub(crate) version: u64,
    /// What we want (hold: send only).
    pub(crate) wish: Direction,
    /// What we last offered or answered.
    pub(crate) said: Direction,
    /// What they last said.
    pub(crate) heard: Option<Description>,
    /// What was agreed.
    pub(crate) agreed: Option<Direction>,
}

impl PhoneMedia {
    /// Our next description.
    pub(crate) fn describe(&mut self) -> String {
        self.version += 1;
        self.said = self.wish;
        crate::sdp::write(self.own, self.session, self.version, &self.formats, self.said)
    }

    /// Our answer to `offer`; `None` when no format is common.
    pub(crate) fn answer(&mut self, offer: &Description) -> Option<String> {
        let common: Vec<u8> = offer.formats.iter().copied().filter(|f| self.formats.contains(f)).collect();
        if !common.iter().any(|f| *f != 101) {
            return None;
        }
        self.version += 1;
        self.said = self.wish.facing(offer.direction);
        self.agreed = Some(self.said);
        self.heard = Some(offer.clone());
        Some(crate::sdp::write(self.own, self.session, self.version, &common, self.said))
    }

    /// Takes their answer to our offer; tells what is wrong with it.
    pub(crate) fn accept(&mut self, answer: Description) -> Result<(), String> {
        // RFC 3264 section 6: as many media lines as offered, formats out of the offered ones.
        if answer.media_lines != 1 {
            return Err(format!("answer with {} media lines to an offer of one", answer.media_lines));
        }
        if let Some(f) = answer.formats.iter().find(|f| !self.formats.contains(f)) {
            return Err(format!("answer with format {f} that was not offered"));
        }
        self.agreed = Some(self.said.facing(answer.direction));
        self.heard = Some(answer);
        Ok(())
    }

    /// Where our sound goes, if any goes out.
    pub(crate) fn speaking_to(&self) -> Option<SocketAddr> {
        let agreed = self.agreed?;
        self.heard.as_ref()?.rtp.filter(|_| agreed.send)
    }
}

impl Call {
    /// Whether a request or response with these tags belongs here.
    pub(crate) fn matches(&self, call_id: &str, ours: Option<&str>, theirs: Option<&str>) -> bool {
        self.call_id == call_id
            && ours == Some(self.local_tag.as_str())
            && (self.remote_tag.is_none() || self.remote_tag.as_deref() == theirs)
    }

    /// Takes the far side's identity from its answer.
    pub(crate) fn learn(&mut self, response: &Sip) {
        self.remote = response.text("to").to_owned();
        self.remote_tag = response.to_tag().map(str::to_owned);
        if let Some(contact) = response.get("contact") {
            self.target = text::uri(contact).to_owned();
        }
    }

    /// Whether the call goes on as far as this phone knows.
    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up | Stage::Answered)
    }

    /// Whether nothing is in the air as far as this phone knows.
    pub(crate) const fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Up)
            && self.modifying.is_none()
            && self.unacknowledged.is_none()
            && !self.bye_seen
            && !self.no_ack
            && !self.referring
    }
}
