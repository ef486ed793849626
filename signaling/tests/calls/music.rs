//! A held party hears the music of its holder, and nothing of the holder; RFC 3264 sections 6.1 and 8.4.

use super::{
    common::{Dialog, Line, Phone, described, extension, settings},
    join, talking,
};
use contract::{Device, MediaCommand, MemberId, Repeat, Sound};
use signaling::settings::{Directory, Extension};

/// The member that speaks music.
const MUSIC: u16 = 25;

fn office() -> (Line, Phone, Phone) {
    let mut settings = settings();
    settings.media.transcode = true;
    let account = |number: &str, music: &str| Extension { music: music.into(), ..extension(number, "A") };
    settings.directory = Directory::new([account("1001", "jazz"), account("1002", "default")]);
    let mut line = Line::with(settings);
    let (alice, boris) = join(&mut line);
    (line, alice, boris)
}

/// One side says a direction, the other answers with its own; what each was told.
#[track_caller]
fn say(
    line: &mut Line,
    (by, said): (&mut Dialog, &str),
    (phone, answer): (&mut Phone, &str),
) -> (&'static str, &'static str) {
    by.reinvite(line, &described(&by.address.ip().to_string(), 4000, "0 8 101", said));
    let asked = line.expect(phone.address, "INVITE");
    let body = described(&phone.address.ip().to_string(), 4000, "0 8 101", answer);
    phone.answer(line, &asked, 200, &body);
    line.expect(phone.address, "ACK");
    let answered = line.expect(by.address, "200");
    by.ack(line, "");
    let direction = |body: &str| {
        ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|direction| body.contains(&format!("a={direction}\r\n")))
            .unwrap()
    };
    (direction(&asked.body), direction(&answered.body))
}

/// Players opened and closed so far, the class of the last one.
fn players(line: &Line) -> (usize, usize, Option<String>) {
    let mut found = (0, 0, None);
    for command in &line.media {
        match command {
            MediaCommand::OpenDevice { member, device: Device::Player(player), .. } => {
                assert_eq!((member.0, player.repeat), (MUSIC, Repeat::Forever));
                let [Sound::Clip(name)] = &player.sounds[..] else { panic!("one class of music: {player:?}") };
                found = (found.0 + 1, found.1, Some(name.to_string()));
            }
            MediaCommand::CloseMember { member: MemberId(MUSIC), .. } => found.1 += 1,
            _ => {}
        }
    }
    found
}

#[test]
fn a_held_party_hears_the_music_of_its_holder_and_only_that() {
    // What Alice says, what Boris is told and answers, what she is told.
    for (said, told, answer, told_back) in [
        ("sendonly", "sendonly", "recvonly", "recvonly"),
        ("inactive", "sendonly", "recvonly", "inactive"),
        // A phone that takes no notice of what it is told.
        ("sendonly", "sendonly", "sendrecv", "recvonly"),
    ] {
        let (mut line, mut alice, mut boris) = office();
        let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
        let directions = say(&mut line, (&mut caller, said), (&mut boris, answer));
        assert_eq!(directions, (told, told_back), "{said}");
        assert_eq!(line.heard(), [(1, MUSIC)], "{said}");
        assert_eq!(players(&line), (1, 0, Some("music/jazz".into())));
        let directions = say(&mut line, (&mut caller, "sendrecv"), (&mut boris, "sendrecv"));
        assert_eq!(directions, ("sendrecv", "sendrecv"));
        assert_eq!(line.heard(), [(0, 1), (1, 0)]);
        assert_eq!(players(&line).1, 1, "the player is closed");
        caller.request(&mut line, "BYE", "");
        line.expect_rest();
    }
}

#[test]
fn whoever_holds_has_the_music_and_two_who_hold_each_other_have_none() {
    let (mut line, mut alice, mut boris) = office();
    let (mut caller, mut called) = talking(&mut line, &mut alice, &mut boris);
    say(&mut line, (&mut called, "sendonly"), (&mut alice, "recvonly"));
    assert_eq!((line.heard(), players(&line).2), (vec![(0, MUSIC)], Some("music/default".into())));
    // Alice holds as well.
    let told = say(&mut line, (&mut caller, "sendonly"), (&mut boris, "inactive"));
    assert_eq!(told, ("sendonly", "inactive"));
    assert_eq!((line.heard(), players(&line)), (vec![], (1, 1, Some("music/default".into()))));
    // Boris is back: now it is her music.
    let told = say(&mut line, (&mut called, "sendrecv"), (&mut alice, "sendonly"));
    assert_eq!(told, ("sendrecv", "sendonly"));
    assert_eq!((line.heard(), players(&line)), (vec![(1, MUSIC)], (2, 1, Some("music/jazz".into()))));
    // He asks again while she holds by `inactive`: he goes on listening.
    let told = say(&mut line, (&mut called, "sendrecv"), (&mut alice, "inactive"));
    assert_eq!((told, line.heard()), (("sendrecv", "sendonly"), vec![(1, MUSIC)]));
    assert_eq!(players(&line).0, 2, "the music goes on");
    line.pass_seconds(600);
    assert_eq!(line.status().calls, 1);
    caller.request(&mut line, "BYE", "");
    line.expect_rest();
}

#[test]
fn without_sound_of_our_own_directions_pass_as_they_are() {
    let (mut line, mut alice, mut boris) = super::two();
    let (mut caller, _) = talking(&mut line, &mut alice, &mut boris);
    let told = say(&mut line, (&mut caller, "inactive"), (&mut boris, "inactive"));
    assert_eq!((told, line.heard()), (("inactive", "inactive"), vec![]));
    let told = say(&mut line, (&mut caller, "sendonly"), (&mut boris, "recvonly"));
    assert_eq!((told, line.heard()), (("sendonly", "recvonly"), vec![(1, 0)]));
    assert_eq!(players(&line).0, 0);
}
