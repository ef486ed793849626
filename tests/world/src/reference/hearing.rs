//! Who must hear whom. Each phone knows which way its sound was agreed to go; two phones that share a session and have nothing in the air
//! must find exactly that in the hearing table the media plane was given. A party on hold hears music instead of its holder, in the worlds that have it.

use crate::{media::MediaPlane, phone::Phone};
use contract::{Instant, MemberId, SessionId};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// Repetitions come at most 4 s apart (T2): after this silence nothing is in the air.
const QUIET: Duration = Duration::from_secs(5);
/// A branch that was given up is over after twice 64*T1 at the latest: once for its CANCEL, once for the INVITE.
const GIVEN_UP: Duration = Duration::from_secs(70);

/// One party that is up with nothing pending.
struct Party {
    who: String,
    send: bool,
    receive: bool,
}

/// The first pair whose ears are not as agreed.
pub(crate) fn disagreement(
    now: Instant,
    phones: &[Phone],
    media: &MediaPlane,
    activity: &BTreeMap<String, Instant>,
    music: bool,
    transferring: &BTreeSet<SessionId>,
) -> Option<String> {
    let mut parties = settled(now, phones, media, activity, QUIET);
    parties.retain(|(session, _), _| !transferring.contains(session));
    for ((session, listener), ears) in &parties {
        let known = media.sessions.get(session)?;
        let held = parties.iter().any(|((of, member), other)| of == session && member != listener && !other.receive);
        if music && held && ears.receive && known.members.values().all(|member| member.port.is_some()) {
            return Some(format!("{session:?}: {} is on hold and there is no music", ears.who));
        }
        for (speaker, member) in known.members.iter().filter(|(m, _)| *m != listener) {
            let hears = known.table.hears(*listener, *speaker);
            let (should, mouth) = match parties.get(&(*session, *speaker)) {
                // Where there is music nobody hears a party that holds.
                Some(mouth) => (ears.receive && mouth.send && (mouth.receive || !music), mouth.who.as_str()),
                None if member.port.is_none() => (ears.receive, "a device"),
                None => continue,
            };
            if hears != should {
                let table = &known.table;
                return Some(format!(
                    "{session:?}: {} hears {mouth} = {hears}, agreed was {should}; table {table:?}",
                    ears.who
                ));
            }
        }
    }
    None
}

/// A port that is open in a call of two that has long been quiet, and belongs to neither: of a branch that lost and was not returned.
pub(crate) fn forgotten_port(
    now: Instant,
    phones: &[Phone],
    media: &MediaPlane,
    activity: &BTreeMap<String, Instant>,
    transferring: &BTreeSet<SessionId>,
) -> Option<String> {
    let mut parties = settled(now, phones, media, activity, GIVEN_UP);
    parties.retain(|(session, _), _| !transferring.contains(session));
    for (session, known) in &media.sessions {
        let is_party = |member: &MemberId| parties.contains_key(&(*session, *member));
        if known.members.keys().filter(|m| is_party(m)).count() < 2 {
            continue;
        }
        if let Some((member, leg)) = known.members.iter().find(|(m, leg)| leg.port.is_some() && !is_party(m)) {
            return Some(format!("{session:?}: port {:?} of {member:?} is open, and nobody is there", leg.port));
        }
    }
    None
}

fn settled(
    now: Instant,
    phones: &[Phone],
    media: &MediaPlane,
    activity: &BTreeMap<String, Instant>,
    quiet: Duration,
) -> BTreeMap<(SessionId, MemberId), Party> {
    let mut parties = BTreeMap::new();
    for (at, phone) in phones.iter().enumerate() {
        for (id, call) in phone.up_calls() {
            // Attempts count, lost or not: a repetition on its way means that something is pending.
            let last = activity.get(&call.call_id).copied().unwrap_or(call.active_at).max(call.active_at);
            let Some(agreed) = call.media.agreed.filter(|_| call.is_settled() && now.since(last) > quiet) else {
                continue;
            };
            let Some(leg) = call.media.heard.as_ref().and_then(|h| media.owner(h.rtp?.port())) else { continue };
            let who = format!("phone {at} ({}) call {id}", phone.identity.number);
            parties.insert(leg, Party { who, send: agreed.send, receive: agreed.receive });
        }
    }
    parties
}
