//! PUBLISH: what a phone says of its own presence (RFC 3903 section 6).

use super::{
    invite::dialled,
    subscribe::{Granted, granted},
    switchboard::Switchboard,
};
use crate::{
    call::PRODUCT,
    event::{Event, Package, Publish, presence},
    flow::Flow,
    limits::PUBLICATION_BYTES_MAX,
    message::{Header, Message},
    transaction::{Answer, ServerId, Turn},
};
use core::time::Duration;

impl Switchboard {
    pub(super) fn on_publish(&mut self, turn: &mut Turn<'_>, server: ServerId, request: &Message<'_>, flow: Flow) {
        // RFC 3903 section 6 step 2.
        let event = Event::of(request).filter(|event| event.package == Package::Presence);
        if event.is_none() {
            return self.refuse_event(turn, server);
        }
        let Some(number) = self.authenticate(turn, server, request, flow) else { return };
        // Steps 1 and 3: nobody publishes for another.
        let named = request.from().ok().and_then(|address| address.uri.user_decoded());
        if named.as_deref() != Some(&number) || dialled(request).as_deref() != Some(&number) {
            return self.office(turn).refuse(server, 403, None);
        }
        let mut tags = request.values(Header::SipIfMatch);
        let before = tags.next().map(|tag| String::from_utf8_lossy(tag).into_owned().into_boxed_str());
        // Step 4: one entity-tag at most.
        if tags.next().is_some() {
            return self.office(turn).refuse(server, 400, None);
        }
        // Step 5.
        let life = match granted(request.expires().ok().flatten(), &self.settings.subscription) {
            Granted::TooBrief => return self.refuse_brief(turn, server),
            Granted::End => Duration::ZERO,
            Granted::For(life) => life,
        };
        let publish = match (before, life.is_zero()) {
            (Some(before), true) => Publish::Remove(before),
            (None, true) => return self.published(turn, server, life, ""),
            (before, false) => {
                let body = request.body();
                match (before, body.is_empty()) {
                    (Some(before), true) => Publish::Refresh(before),
                    // RFC 3903 section 4.1: an initial publication has a body.
                    (None, true) => return self.office(turn).refuse(server, 400, None),
                    (before, false) => {
                        if body.len() > PUBLICATION_BYTES_MAX {
                            return self.office(turn).refuse(server, 413, None);
                        }
                        let is_pidf =
                            matches!(request.content_type(), Ok(Some(kind)) if kind.is("application", "pidf+xml"));
                        if !is_pidf {
                            let accept = ("Accept", Package::Presence.media_type());
                            return self.office(turn).refuse(server, 415, Some(accept));
                        }
                        let Ok(presence) = presence::read(body) else {
                            return self.office(turn).refuse(server, 400, None);
                        };
                        match before {
                            Some(before) => Publish::Modify(before, presence),
                            None => Publish::Initial(presence),
                        }
                    }
                }
            }
        };
        let etag = turn.stack.tag();
        match self.compositor.publish(&number, publish, etag.as_str().into(), turn.now + life) {
            Ok(()) => {
                self.activity.insert(number.as_str().into(), turn.now);
                self.notifier.touch(&number);
                self.published(turn, server, life, &etag);
            }
            // RFC 3903 section 6 step 4: 412.
            Err(_) => self.office(turn).refuse(server, 412, None),
        }
    }

    /// RFC 3903 section 6 step 7.
    fn published(&mut self, turn: &mut Turn<'_>, server: ServerId, life: Duration, etag: &str) {
        let life = life.as_secs().to_string();
        let etag = if etag.is_empty() { turn.stack.tag() } else { etag.to_owned() };
        let headers = [("SIP-ETag", etag.as_str()), ("Expires", &life), ("Server", PRODUCT)];
        self.office(turn).respond(server, &Answer { headers: &headers, ..Answer::new(200) });
    }
}
