//! The phone as a watcher: SUBSCRIBE, and what it makes of each NOTIFY. RFC 6665 section 4.1, RFC 4235 section 4.
//!
//! It reads documents by searching text, which is enough to hold them against each other: numbers that grow, changes that build on what is held.

use super::{
    Out, Phone, Timer,
    ask::{Purpose, Recipe},
};
use crate::text::{self, Sip};
use std::collections::BTreeMap;

/// One subscription as the watcher knows it.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// Who is watched.
    pub(crate) number: String,
    /// `dialog` or `presence`.
    pub(crate) package: &'static str,
    call_id: String,
    local: String,
    /// The exchange's address with tag, once it is known.
    remote: Option<String>,
    target: Option<String>,
    cseq: u32,
    remote_cseq: u32,
    /// The last document's number.
    version: Option<u64>,
    /// States of dialogs by name.
    pub(crate) dialogs: BTreeMap<String, String>,
    /// What presence says: open or closed, and the activity.
    pub(crate) presence: Option<(bool, bool)>,
    /// The answer to the SUBSCRIBE, when it was a refusal.
    pub(crate) refused: Option<u16>,
    /// The last NOTIFY said so, or the phone did.
    pub(crate) over: bool,
}

impl Phone {
    /// Watches an account.
    pub(super) fn watch(&mut self, number: &str, package: &'static str, expires_s: u32, out: &mut Out) {
        let id = self.watches_made;
        self.watches_made += 1;
        let (tag, call_id) = (self.own_rng.word(), self.own_rng.word());
        let local = format!("<sip:{}@{}>;tag={tag}", self.identity.number, self.identity.domain);
        let watch = Watch {
            number: number.to_owned(),
            package,
            call_id,
            local,
            remote: None,
            target: None,
            cseq: 0,
            remote_cseq: 0,
            version: None,
            dialogs: BTreeMap::new(),
            presence: None,
            refused: None,
            over: false,
        };
        self.watches.insert(id, watch);
        self.subscribe(id, expires_s, out);
    }

    fn subscribe(&mut self, id: u32, expires_s: u32, out: &mut Out) {
        let contact = self.contact();
        let domain = self.identity.domain.clone();
        let Some(watch) = self.watches.get_mut(&id) else { return };
        watch.cseq += 1;
        let uri = format!("sip:{}@{domain}", watch.number);
        let recipe = Recipe {
            method: "SUBSCRIBE",
            uri: watch.target.clone().unwrap_or_else(|| uri.clone()),
            from: watch.local.clone(),
            to: watch.remote.clone().unwrap_or_else(|| format!("<{uri}>")),
            call_id: watch.call_id.clone(),
            cseq: watch.cseq,
            lines: vec![
                format!("Contact: <{contact}>"),
                format!("Event: {}", watch.package),
                format!("Expires: {expires_s}"),
            ],
            body: None,
            purpose: Purpose::Watch { watch: id },
            tried: 0,
        };
        self.ask(recipe, out);
    }

    /// A SUBSCRIBE has its final answer, or none.
    pub(super) fn on_watched(&mut self, id: u32, response: Option<&Sip>) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        let status = response.and_then(Sip::status).unwrap_or(408);
        match (response, status) {
            (Some(response), 200) => {
                watch.remote = Some(response.text("to").to_owned());
                watch.target = Some(text::uri(response.text("contact")).to_owned());
                let named = response.get("expires").is_some_and(|e| e.parse::<u32>().is_ok());
                if !named {
                    self.complaints.push("the 200 to SUBSCRIBE does not say for how long".to_owned());
                }
            }
            // What is refused within the dialog leaves it as it was (RFC 6665 section 4.1.2.2), but for 481.
            (_, status) if watch.remote.is_none() || status == 481 => {
                watch.refused = Some(status);
                watch.over = true;
            }
            _ => {}
        }
    }

    /// A SUBSCRIBE was challenged and goes out again.
    pub(super) fn watch_asked_again(&mut self, id: u32, cseq: u32) {
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.cseq = watch.cseq.max(cseq);
        }
    }

    /// A NOTIFY came.
    pub(super) fn on_notify(&mut self, request: &Sip, out: &mut Out) {
        let found = self.watches.iter_mut().find(|(_, watch)| {
            watch.call_id == request.text("call-id") && text::tag(&watch.local) == request.to_tag() && !watch.over
        });
        let Some((id, watch)) = found else {
            self.reply(request, 481, None, &[], None, out);
            return;
        };
        let id = *id;
        if self.own_rng.chance(self.manners.mute_notify) {
            return;
        }
        if self.own_rng.chance(self.manners.deny_notify) {
            let status = *self.own_rng.pick(&[481, 500, 503, 486, 489]);
            watch.over |= matches!(status, 481 | 489);
            self.reply(request, status, None, &[], None, out);
            return;
        }
        // RFC 3261 section 12.2.2.
        if request.cseq() <= watch.remote_cseq {
            self.reply(request, 500, None, &[], None, out);
            return;
        }
        watch.remote_cseq = request.cseq();
        watch.remote.get_or_insert_with(|| request.text("from").to_owned());
        watch.target.get_or_insert_with(|| text::uri(request.text("contact")).to_owned());
        watch.over = request.text("subscription-state").starts_with("terminated");
        if request.text("event") != watch.package {
            self.complaints.push(format!("a NOTIFY of {} for {}", request.text("event"), watch.package));
        }
        if let Err(wrong) = watch.read(&request.body) {
            self.complaints.push(format!("{wrong} in {}", request.body));
        }
        self.reply(request, 200, None, &[], None, out);
        // A phone that asks again and again for what it has just been told.
        if self.own_rng.chance(self.manners.storm) && self.stormed < 40 {
            for _ in 0..5 {
                self.stormed += 1;
                self.subscribe(id, 600, out);
            }
        }
    }

    /// Gives a subscription up, or asks for more of it.
    pub(super) fn watch_on(&mut self, id: u32, out: &mut Out) {
        if self.watches.get(&id).is_some_and(|watch| !watch.over && watch.remote.is_some()) {
            let expires_s = *self.own_rng.pick(&[0, 60, 120, 600, 5]);
            self.subscribe(id, expires_s, out);
        }
    }

    /// When it shall be looked at a subscription again.
    pub(super) fn plan_watch(&mut self, out: &mut Out) {
        // In a healed world a subscription stays as it is.
        let times = if self.manners.watches > 0 { 2 } else { 0 };
        let id = self.watches_made;
        for _ in 0..times {
            let ms = self.own_rng.below(400_000);
            out.after(ms, Timer::WatchOn { watch: id });
        }
    }
}

impl Watch {
    fn read(&mut self, body: &str) -> Result<(), String> {
        if body.is_empty() {
            return if self.over { Ok(()) } else { Err("nothing is told".to_owned()) };
        }
        if self.package == "presence" {
            let open = body.contains("<basic>open</basic>");
            if !open && !body.contains("<basic>closed</basic>") {
                return Err("neither open nor closed".to_owned());
            }
            self.presence = Some((open, body.contains("<rpid:on-the-phone/>")));
            return Ok(());
        }
        let body = body.split_once("<dialog-info").map_or("", |(_, rest)| rest);
        let attribute = |text: &str, name: &str| {
            text.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned()
        };
        let version: u64 = attribute(body, "version").parse().map_err(|_| "no version".to_owned())?;
        // RFC 4235 section 4.3: a number that does not follow the last one means that something was missed.
        let follows = self.version.is_none_or(|last| version > last);
        if !follows {
            return Err(format!("version {version} after {:?}", self.version));
        }
        match attribute(body, "state").as_str() {
            "full" => self.dialogs.clear(),
            "partial" if self.version.is_some_and(|last| version == last + 1) => {}
            other => return Err(format!("{other} after {:?}", self.version)),
        }
        self.version = Some(version);
        for dialog in body.split("<dialog ").skip(1) {
            let id = dialog.strip_prefix("id=\"").and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned();
            let state = dialog.split("<state>").nth(1).and_then(|rest| rest.split("</state>").next()).unwrap_or("");
            match state {
                "terminated" => {
                    if self.dialogs.remove(&id).is_none() {
                        return Err("a dialog ends that never began".to_owned());
                    }
                }
                "trying" | "early" | "confirmed" => {
                    self.dialogs.insert(id, state.to_owned());
                }
                other => return Err(format!("the state {other:?}")),
            }
        }
        Ok(())
    }
}
