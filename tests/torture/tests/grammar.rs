//! What the grammar makes of each torture message.

use signaling::message::{Index, Malformed, Message};
use torture::{Verdict, ours, published};

/// Judges as the transport does.
fn judge(bytes: &[u8]) -> Verdict {
    let mut index = Index::new();
    let Ok(message) = index.parse(bytes) else { return Verdict::Drop };
    read_everything(&message);
    match message.check() {
        Ok(()) => Verdict::Accept,
        Err(why) if message.is_request() => Verdict::Fault(why.status()),
        Err(_) => Verdict::Drop,
    }
}

/// Every reader takes any bytes.
fn read_everything(message: &Message<'_>) {
    _ = (message.top_via(), message.from(), message.to(), message.call_id(), message.cseq());
    _ = (
        message.max_forwards(),
        message.expires(),
        message.min_expires(),
        message.retry_after(),
        message.content_type(),
    );
    _ = message.contacts().map(|contacts| contacts.iter().count());
    for (header, _, _) in message.fields() {
        _ = message.values(header).count() + message.addresses(header).count();
    }
}

#[test]
fn published_messages() {
    let Some(all) = published::all() else { return };
    let wrong: Vec<String> = all
        .iter()
        .map(|(case, bytes)| (case, judge(bytes)))
        .filter(|(case, verdict)| *verdict != case.verdict)
        .map(|(case, verdict)| format!("{} (section {}): {verdict:?}, not {:?}", case.file, case.section, case.verdict))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_messages() {
    let wrong: Vec<String> = ours::all()
        .iter()
        .map(|own| (own, judge(&own.bytes)))
        .filter(|(own, verdict)| *verdict != own.verdict)
        .map(|(own, verdict)| format!("{} ({}): {verdict:?}, not {:?}", own.name, own.clause, own.verdict))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_messages_have_names_of_their_own() {
    let mut names: Vec<_> = ours::all().into_iter().map(|own| own.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// Every prefix of every message can be judged.
#[test]
fn messages_cut_anywhere() {
    for own in ours::all().iter().filter(|own| own.bytes.len() < 2_000) {
        for end in 0..own.bytes.len() {
            judge(&own.bytes[..end]);
        }
    }
}

/// Spot checks of what the well-formed ones mean.
#[test]
fn published_messages_say_what_they_say() {
    let Some(all) = published::all() else { return };
    let mut index = Index::new();
    let mut read = |file: &str, see: &dyn Fn(&Message<'_>)| {
        let (_, bytes) = all.iter().find(|(case, _)| case.file.ends_with(file)).expect("a known file");
        see(&index.parse(bytes).expect("SIP"));
    };
    read("/wsinv.dat", &|message| {
        let from = message.from().expect("From");
        assert_eq!((from.display(), from.tag()), ("J Rosenberg \\\"".into(), Some(&b"98asjd8"[..])));
        assert_eq!(message.max_forwards(), Ok(Some(68)));
        assert_eq!(message.top_via().map(|via| via.branch()), Ok(Some(&b"390skdjuw"[..])));
        assert_eq!(message.values(signaling::message::Header::Via).count(), 3);
        let contacts = message.contacts().expect("Contact");
        let contact = contacts.iter().next().expect("one");
        assert_eq!((contact.display(), contact.q_milli()), ("Quoted string \"\"".into(), Some(330)));
        assert_eq!(message.body().len(), 150);
    });
    read("/intmeth.dat", &|message| {
        assert_eq!(message.to().expect("To").display(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    });
    read("/dblreq.dat", &|message| assert_eq!(message.body(), b""));
    read("/longreq.dat", &|message| assert_eq!(message.values(signaling::message::Header::Via).count(), 34));
    read("/insuf.dat", &|message| {
        assert!(matches!(message.fault(), Some(Malformed::Missing(_))));
        assert!(message.top_via().is_ok());
    });
    read("/mpart01.dat", &|message| {
        let content_type = message.content_type().expect("well-formed").expect("there");
        assert!(content_type.is("multipart", "mixed"));
        assert_eq!(content_type.params.value("boundary"), Some(&b"7a9cbec02ceef655"[..]));
        assert_eq!(message.body().len(), 553);
    });
}
