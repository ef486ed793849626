//! Dialogs, RFC 3261 section 12: who the two ends are, in which order their requests come, and where ours go.
//!
//! A [`Dialog`] is one end of one dialog. It knows tags, sequence numbers, the route set and the remote target; it deliberately knows neither why the
//! dialog exists nor what is said in it, arms no timer and answers nothing.

mod matching;
mod proof;
mod request;
mod route;

pub use matching::Tags;
pub use request::Ask;
pub use route::Course;

use crate::{
    flow::{Flow, ListenerId},
    limits::PRACKS_MAX,
    message::{Header, Malformed, Message, Method, NameAddr},
    transaction::{SentAck, Stack},
};

/// How far a dialog is, RFC 3261 section 12.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Our INVITE is out; nobody has named himself yet.
    Asked,
    /// A provisional response made it, or we have not given a final one.
    Early,
    /// A 2xx made it.
    Confirmed,
}

/// What an end of a dialog is made of when we send the first INVITE.
#[derive(Clone, Debug)]
pub struct Opening {
    /// A new Call-ID.
    pub call_id: String,
    /// A new tag of ours.
    pub tag: String,
    /// From, name-addr without tag.
    pub from: String,
    /// To, name-addr without tag.
    pub to: String,
    /// Where the INVITE goes.
    pub target: String,
    /// Route of the INVITE, of a Path.
    pub routes: Vec<String>,
    /// The user part of our Contact.
    pub user: String,
    /// Which way.
    pub course: Course,
}

/// One end of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: Box<str>,
    local_tag: Box<str>,
    remote_tag: Option<Box<str>>,
    /// From of our requests, with our tag.
    local: Box<str>,
    /// To of our requests, with the peer's tag once it is known.
    remote: Box<str>,
    contact: Box<str>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    /// CSeq of the peer's INVITE that is being answered, or was last: that of its ACK.
    invite_cseq: Option<u32>,
    state: State,
    target: Box<str>,
    /// Request-URI and Route of our requests: of `target` and the route set by RFC 3261 section 12.2.1.1.
    request_uri: Box<str>,
    routes: Vec<String>,
    /// The route set itself, needed again when the target is refreshed behind a strict router.
    route_set: Vec<String>,
    course: Course,
    /// The ACKs of our last two INVITEs and their CSeq numbers: a 2xx may come again while the next INVITE is under way.
    acks: [Option<(u32, SentAck)>; 2],
    /// What our requests prove themselves with, where the peer is a provider.
    proof: Option<Box<proof::Proof>>,
}

impl Dialog {
    /// Our end of a dialog that an INVITE of ours shall make, RFC 3261 section 12.1.2.
    #[must_use]
    pub fn asking(stack: &Stack, opening: Opening) -> Self {
        let Opening { call_id, tag, from, to, target, routes, user, course } = opening;
        let contact = stack.contact_for(course.listener(), &user);
        let mut dialog = Self {
            call_id: call_id.into(),
            local: format!("{from};tag={tag}").into(),
            local_tag: tag.into(),
            remote_tag: None,
            remote: to.into(),
            contact: contact.into(),
            local_cseq: 0,
            remote_cseq: None,
            invite_cseq: None,
            state: State::Asked,
            target: target.into(),
            request_uri: Box::default(),
            routes: Vec::new(),
            route_set: routes,
            course,
            acks: [None, None],
            proof: None,
        };
        dialog.aim();
        dialog
    }

    /// Our end of a dialog that this INVITE to us makes, RFC 3261 section 12.1.1.
    ///
    /// # Errors
    /// From, Contact or Record-Route cannot be used, or there is no Contact: 400.
    pub fn asked(
        stack: &Stack,
        invite: &Message<'_>,
        tag: &str,
        user: &str,
        course: Course,
    ) -> Result<Self, Malformed> {
        let (from, to) = (invite.from()?, invite.to()?);
        let target = contact(invite)?.ok_or(Malformed::Missing(Header::Contact))?;
        let mut dialog = Self {
            call_id: text(invite.call_id()?).into(),
            local_tag: tag.into(),
            remote_tag: from.tag().map(|tag| text(tag).into()),
            local: format!("<{}>;tag={tag}", to.uri.as_str()).into(),
            remote: tagged(from.uri.as_str(), from.tag()).into(),
            contact: stack.contact_for(course.listener(), user).into(),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()?.number),
            invite_cseq: Some(invite.cseq()?.number),
            state: State::Early,
            target,
            request_uri: Box::default(),
            routes: Vec::new(),
            // RFC 3261 section 12.1.1: the route set of the UAS is Record-Route in order.
            route_set: addresses(invite, Header::RecordRoute)?,
            course,
            acks: [None, None],
            proof: None,
        };
        dialog.aim();
        Ok(dialog)
    }

    /// A response to our INVITE says who answers: 101 to 199 with a tag, or 2xx. RFC 3261 section 12.1.2; for a 2xx the route set is
    /// made anew (section 13.2.2.4).
    ///
    /// # Errors
    /// To, Contact or Record-Route cannot be used; a 2xx without Contact is used with the target known before.
    pub fn answered(&mut self, response: &Message<'_>) -> Result<(), Malformed> {
        let to = response.to()?;
        let confirms = response.status().is_some_and(|status| status >= 200);
        if !confirms && to.tag().is_none() {
            return Ok(());
        }
        self.remote_tag = to.tag().map(|tag| text(tag).into());
        self.remote = tagged(to.uri.as_str(), to.tag()).into();
        if let Some(target) = contact(response)? {
            self.target = target;
        }
        // RFC 3261 section 12.1.2: the route set of the UAC is Record-Route in reverse order.
        let mut route_set = addresses(response, Header::RecordRoute)?;
        route_set.reverse();
        self.route_set = route_set;
        self.state = if confirms { State::Confirmed } else { State::Early };
        if confirms && let Some(proof) = &mut self.proof {
            proof.settled();
        }
        self.aim();
        Ok(())
    }

    /// A dialog of which only the peer's 2xx to an INVITE of ours is left: enough to acknowledge and to end it.
    ///
    /// # Errors
    /// From, To, Contact or Record-Route cannot be used, or there is no Contact.
    pub fn stray(stack: &Stack, response: &Message<'_>, course: Option<Course>) -> Result<Self, Malformed> {
        let (from, cseq) = (response.from()?, response.cseq()?);
        let target = contact(response)?.ok_or(Malformed::Missing(Header::Contact))?;
        let course = course.unwrap_or(course_from(ListenerId(0)));
        let mut dialog = Self {
            call_id: text(response.call_id()?).into(),
            local_tag: text(from.tag().unwrap_or_default()).into(),
            remote_tag: None,
            local: tagged(from.uri.as_str(), from.tag()).into(),
            remote: Box::default(),
            contact: stack.contact_for(course.listener(), "").into(),
            // RFC 3261 section 12.2.1.1: above every request that may have gone out in it while it was early.
            local_cseq: cseq.number.saturating_add(PRACKS_MAX).min(request::CSEQ_MAX - 1).max(cseq.number),
            remote_cseq: None,
            invite_cseq: None,
            state: State::Asked,
            target,
            request_uri: Box::default(),
            routes: Vec::new(),
            route_set: Vec::new(),
            course,
            acks: [None, None],
            proof: None,
        };
        dialog.answered(response)?;
        Ok(dialog)
    }

    /// The peer answered by this flow, which is where it is reached if its Contact is a name (RFC 3263 section 4: requests of a dialog stay with the
    /// server that was found for the first).
    pub fn found(&mut self, flow: Flow) {
        self.course.found(flow);
    }

    /// Our 2xx is out: the dialog is confirmed.
    pub fn confirm(&mut self) {
        self.state = State::Confirmed;
    }

    /// A target refresh, RFC 3261 section 12.2.1.2 and 12.2.2: a re-INVITE, an UPDATE, or a 2xx to one of ours. The route set stays.
    ///
    /// # Errors
    /// Contact cannot be read; then the target stays.
    pub fn refresh(&mut self, message: &Message<'_>) -> Result<(), Malformed> {
        if message.method() == Some(Method::Invite) {
            self.invite_cseq = message.cseq().ok().map(|cseq| cseq.number);
        }
        if let Some(target) = contact(message)?
            && target != self.target
        {
            self.target = target;
            self.aim();
        }
        Ok(())
    }

    /// Replaces our tag: from now on this is another dialog with the same peer. For a 2xx whose description differs from that of an earlier
    /// provisional response (RFC 3261 section 13.2.1: one dialog has one answer).
    pub fn rename(&mut self, tag: &str) {
        let bare = self.local.strip_suffix(&format!(";tag={}", self.local_tag)).unwrap_or(&self.local).to_owned();
        self.local = format!("{bare};tag={tag}").into();
        self.local_tag = tag.into();
    }

    /// Whether an ACK is for the peer's last INVITE. RFC 3261 section 13.2.2.4: it bears the INVITE's number; that of an earlier INVITE may come
    /// again, because its 2xx was repeated.
    #[must_use]
    pub fn is_acknowledged_by(&self, ack: &Message<'_>) -> bool {
        ack.cseq().is_ok_and(|cseq| Some(cseq.number) == self.invite_cseq)
    }

    /// The CSeq number of the peer's last INVITE.
    #[must_use]
    pub const fn invite_cseq(&self) -> Option<u32> {
        self.invite_cseq
    }

    /// Whether it is the one of this Call-ID, this tag of ours and this tag of the peer, as its peer knows it (RFC 3891 section 3).
    #[must_use]
    pub fn is_named(&self, call_id: &str, ours: &str, theirs: &str) -> bool {
        *self.call_id == *call_id && *self.local_tag == *ours && self.remote_tag.as_deref() == Some(theirs)
    }

    /// Judges the order of a request by RFC 3261 section 12.2.2. `false`: it is older than one we know, answer 500.
    #[must_use]
    pub fn in_order(&mut self, cseq: u32) -> bool {
        if self.remote_cseq.is_some_and(|known| cseq < known) {
            return false;
        }
        self.remote_cseq = Some(cseq);
        true
    }

    /// The CSeq number of our last request.
    #[must_use]
    pub const fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Our tag.
    #[must_use]
    pub const fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// Our Contact, with angle brackets.
    #[must_use]
    pub const fn contact(&self) -> &str {
        &self.contact
    }

    /// Both tags.
    #[must_use]
    pub fn tags(&self) -> Tags {
        Tags::new(&self.local_tag, self.remote_tag.as_deref().unwrap_or_default())
    }

    /// Where the peer is.
    #[must_use]
    pub const fn target(&self) -> &str {
        &self.target
    }

    /// The peer has connected anew: requests of ours go by this connection. Only for peers that cannot be connected to (RFC 7118 section 5.4); the
    /// others are found by their Contact.
    pub fn reconnected(&mut self, flow: Flow) {
        if flow.connection.is_some() && !flow.transport.can_be_opened() {
            self.course.move_to(flow);
        }
    }

    /// Requests of ours go this way from now on: the peer has just been heard by it.
    pub const fn take_course(&mut self, course: Course) {
        self.course = course;
    }

    /// Call-ID.
    #[must_use]
    pub const fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The peer's tag, once it is known.
    #[must_use]
    pub fn remote_tag(&self) -> Option<&str> {
        self.remote_tag.as_deref()
    }

    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Which way it goes.
    #[must_use]
    pub const fn course(&self) -> &Course {
        &self.course
    }

    /// Heap octets held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let lists = self.routes.iter().chain(&self.route_set).map(|value| value.capacity() + size_of::<String>());
        // An ACK is as long as its headers.
        let acks = self.acks.iter().flatten().count();
        let ack = acks * (self.local.len() + self.remote.len() + self.request_uri.len() + 200);
        [&self.call_id, &self.local_tag, &self.local, &self.remote, &self.contact, &self.target, &self.request_uri]
            .iter()
            .map(|text| text.len())
            .sum::<usize>()
            + self.remote_tag.as_ref().map_or(0, |tag| tag.len())
            + lists.sum::<usize>()
            + ack
            + self.proof.as_ref().map_or(0, |proof| proof.heap_bytes())
    }

    fn aim(&mut self) {
        let (uri, routes) = route::aim(&self.target, &self.route_set);
        (self.request_uri, self.routes) = (uri.into(), routes);
    }
}

/// Bytes of a tag, a Call-ID or a URI, which are ASCII once they have been read.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

fn tagged(uri: &str, tag: Option<&[u8]>) -> String {
    match tag {
        Some(tag) => format!("<{uri}>;tag={}", text(tag)),
        None => format!("<{uri}>"),
    }
}

/// The URI of the first Contact.
fn contact(message: &Message<'_>) -> Result<Option<Box<str>>, Malformed> {
    let Some(value) = message.values(Header::Contact).next() else { return Ok(None) };
    let address = NameAddr::parse(value).map_err(|_| Malformed::Value(Header::Contact))?;
    Ok(Some(address.uri.as_str().into()))
}

fn addresses(message: &Message<'_>, name: Header) -> Result<Vec<String>, Malformed> {
    message
        .values(name)
        .map(|value| {
            NameAddr::parse(value).map_err(|_| Malformed::Value(name))?;
            core::str::from_utf8(value).map(str::to_owned).map_err(|_| Malformed::Value(name))
        })
        .collect()
}

/// The course of a dialog with the sender of `message`, which came by `flow`.
#[must_use]
pub fn course_of(message: &Message<'_>, flow: Flow, behind_nat: bool) -> Course {
    let direct = message.values(Header::RecordRoute).next().is_none();
    Course::new(flow.listener, Some(flow), direct && (behind_nat || flow.connection.is_some()))
}

/// The listener of a course without a flow.
#[must_use]
pub const fn course_from(listener: ListenerId) -> Course {
    Course::new(listener, None, false)
}
