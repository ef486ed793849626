//! Session descriptions: reading, rewriting, answering.

use contract::Codec;
use core::net::{Ipv4Addr, SocketAddr};
use signaling::sdp::{Carriage, Description, Direction, Local, Rewrite, answer, check_answer, rewrite};

/// Reads, rewrites and answers `bytes`.
///
/// # Panics
/// If what we write is not what we read, or something passes that must end at us.
pub fn sdp(bytes: &[u8]) {
    let Ok(description) = Description::parse(bytes) else { return };
    for media in description.media() {
        _ = (
            media.kind(),
            media.remote_rtp(),
            media.remote_rtcp(),
            media.direction(),
            media.ptime_ms(),
            media.formats().count(),
        );
    }
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    if bytes.len() > 15_000 || lines > 1_000 {
        // Our own lines might pass a limit.
        return;
    }
    let rtp = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 1), 20_000));
    let local = Local { session_id: 1, version: 2, rtp, rtcp: Some(20_003) };
    // What is read of a carriage is written and read again.
    let carriage = description.audio().map(|audio| Carriage::of(&description, &audio.media())).unwrap_or_default();
    let how = Rewrite {
        local,
        carriage: &carriage,
        keep: &|format| format.codec != Codec::Opus,
        order: &[Codec::Pcma],
        add: &[],
        direction: None,
    };
    let once = rewrite(&description, &how);
    let written = Description::parse(&once).expect("what we write is a description");
    assert_eq!(rewrite(&written, &how), once);
    assert_eq!(written.media().len(), description.media().len());
    assert!(
        description
            .media()
            .zip(written.media())
            .all(|(old, new)| old.kind() == new.kind() && old.proto() == new.proto())
    );
    for media in written.media() {
        assert!(media.port() == 0 || media.port() == 20_000);
        assert!(
            ["remote-candidates", "ssrc", "extmap", "rtcp-fb"]
                .iter()
                .all(|name| media.attributes(name.as_bytes()).next().is_none())
        );
        assert_eq!(media.connection().and_then(|address| address.ip()), Some(rtp.ip()));
    }
    if let Some(audio) = written.audio().filter(|audio| !audio.is_refused()) {
        assert_eq!(Carriage::of(&written, &audio.media()), carriage);
    }
    for wish in [Direction::SendRecv, Direction::Inactive] {
        if let Some(answered) = answer(&description, &local, &carriage, |_| true, wish) {
            let answered = Description::parse(&answered).expect("our answer is a description");
            let agreed = check_answer(&description, &answered).expect("our answer fits its offer");
            assert_eq!(agreed.direction.reversed().and(wish), agreed.direction.reversed());
        }
    }
    _ = check_answer(&description, &written);
}
