//! Calls of browsers: among themselves, and with a telephone that knows G.711 and nothing of browsers.

use crate::{
    chromium::Page,
    desk::Desk,
    exchange::{Home, until},
    phone::{Dialog, Phone},
    voice::Voice,
};
use serde_json::{Value, json};

/// Alice calls Boris, both in browsers.
fn in_a_call(desk: &Desk, hertz: [u32; 2]) -> (Page, Page) {
    let mut alice = desk.alice("wss", hertz[0]);
    let mut boris = desk.boris("ws", hertz[1]);
    let answering = boris.begin("phone.answer()");
    alice.run("phone.dial('1002')");
    boris.end(answering);
    (alice, boris)
}

/// What each hears within a few seconds.
fn ears(alice: &mut Page, boris: &mut Page) -> [Value; 2] {
    let (one, other) = (alice.begin("phone.hear(10000)"), boris.begin("phone.hear(10000)"));
    [alice.end(one), boris.end(other)]
}

#[test]
fn two_browsers_hear_each_other_in_opus() {
    let Some(desk) = Desk::open() else { return };
    let (mut alice, mut boris) = in_a_call(&desk, [440, 880]);
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
    for page in [&mut alice, &mut boris] {
        let media = page.run("phone.media()");
        assert_eq!((&media["state"], &media["codec"]), (&json!("connected"), &json!("audio/opus")));
    }
    let ended = boris.begin("phone.until('ended')");
    alice.run("phone.hangUp()");
    boris.end(ended);
    desk.is_at_rest();
}

#[test]
fn a_silent_browser_is_not_heard() {
    let Some(desk) = Desk::open() else { return };
    let (mut alice, mut boris) = in_a_call(&desk, [440, 0]);
    assert_eq!(boris.run("phone.hear(10000)"), 440, "the way back is proved by the other's tone");
    assert_eq!(alice.run("phone.hear(3000)"), Value::Null);
}

#[test]
fn a_held_browser_does_not_hear_the_holder_until_it_is_resumed() {
    let Some(desk) = Desk::open() else { return };
    let (mut alice, mut boris) = in_a_call(&desk, [440, 880]);
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
    alice.run("phone.hold()");
    let missing = alice.begin("phone.misses(880)");
    boris.run("phone.misses(440)");
    alice.end(missing);
    alice.run("phone.resume()");
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
}

#[test]
fn a_call_goes_on_after_a_restart_of_ice() {
    let Some(desk) = Desk::open() else { return };
    let (mut alice, mut boris) = in_a_call(&desk, [440, 880]);
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
    assert_eq!(alice.run("phone.restart()"), true, "the names of the ways are others");
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
    assert_eq!(alice.run("phone.media()")["state"], "connected");
}

#[test]
fn a_call_goes_on_when_a_browsers_connection_is_cut_and_made_anew() {
    let Some(desk) = Desk::open() else { return };
    let (mut alice, mut boris) = in_a_call(&desk, [440, 880]);
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
    alice.run("phone.cut()");
    assert_eq!(ears(&mut alice, &mut boris), [json!(880), json!(440)]);
    let ended = alice.begin("phone.until('ended')");
    boris.run("phone.hangUp()");
    alice.end(ended);
    desk.is_at_rest();
}

/// A browser and a telephone speak: each hears the other's tone.
fn talk(page: &mut Page, phone: &Phone, dialog: &Dialog) -> Voice {
    let voice = Voice::start(phone, dialog, 880.0);
    assert_eq!(page.run("phone.hear(10000)"), 880);
    voice.forget();
    assert_eq!(until(|| voice.hears()), Some(440.0));
    voice
}

#[test]
fn a_browser_calls_a_telephone_and_its_keys_are_pressed_once_there() {
    let Some(desk) = Desk::open() else { return };
    let mut alice = desk.alice("wss", 440);
    let mut boris = Phone::boris(&desk.exchange).registered();
    let dialling = alice.begin("phone.dial('1002')");
    let invite = boris.called();
    let mut boris_side = boris.take(&invite);
    alice.end(dialling);
    let voice = talk(&mut alice, &boris, &boris_side);
    for keys in ["5", "50", "509"] {
        alice.run(&format!("phone.press('{}')", &keys[keys.len() - 1..]));
        let wanted: Vec<u8> = keys.bytes().map(|key| key - b'0').collect();
        assert!(until(|| (voice.keys().len() >= wanted.len()).then_some(())).is_some(), "no key");
        assert_eq!(voice.keys(), wanted);
    }
    let ended = alice.begin("phone.until('ended')");
    drop(voice);
    boris.hang_up(&mut boris_side);
    alice.end(ended);
    desk.is_at_rest();
}

#[test]
fn a_telephone_calls_a_browser() {
    let Some(desk) = Desk::open() else { return };
    let mut alice = desk.alice("ws", 440);
    let mut boris = Phone::boris(&desk.exchange).registered();
    let answering = alice.begin("phone.answer()");
    let dialling = boris.dial("1001");
    let boris_side = boris.answered(&dialling);
    alice.end(answering);
    drop(talk(&mut alice, &boris, &boris_side));
    alice.run("phone.hangUp()");
    boris.hung_up_on();
    desk.is_at_rest();
}

#[test]
fn a_browser_that_knows_opus_alone_and_a_telephone_understand_each_other() {
    let opus_alone = |home: &Home| home.edit("name: Alice,", "name: Alice, codecs: [opus],");
    let Some(desk) = Desk::with(opus_alone) else { return };
    let mut alice = desk.alice("wss", 440);
    let mut boris = Phone::boris(&desk.exchange).registered();
    let dialling = alice.begin("phone.dial('1002')");
    let invite = boris.called();
    let mut boris_side = boris.take(&invite);
    alice.end(dialling);
    let voice = talk(&mut alice, &boris, &boris_side);
    assert_eq!(alice.run("phone.media()")["codec"], "audio/opus");
    alice.run("phone.press('7')");
    assert_eq!(until(|| voice.keys().first().copied()), Some(7));
    // The key is told as an event and not as a tone too, and the voices go on.
    voice.forget();
    assert_eq!(until(|| voice.hears()), Some(440.0));
    assert_eq!(voice.keys(), [7]);
    drop(voice);
    boris.hang_up(&mut boris_side);
    desk.is_at_rest();
}
