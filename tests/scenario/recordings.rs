//! Recordings over real sockets: whose voice is in which channel, what orders do to a file, and what a kill or a full disk leaves.

use crate::{
    exchange::{Exchange, Home, until},
    handset::{Handset, home},
    http::{ask, figure, figure_becomes, get},
    phone::{Dialog, Phone, talk},
    sound::{TONES, goertzel},
    voice::{Voice, until_heard},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Packets of a second of speech.
const SECOND: usize = 50;

const KEY: &str = crate::exchange::KEY;

fn recorded(rules: &str) -> Home {
    let home = home("", "");
    home.edit("api:\n", &format!("features: {{ recording: {{ min_free: 1MB, {rules} }} }}\napi:\n"));
    home
}

/// A WAV file of 16 bits: samples a second, and the samples of each channel.
fn sound(path: &Path) -> (u32, Vec<Vec<i16>>) {
    let file = fs::read(path).unwrap();
    let four = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!((&file[..4], &file[8..16], &file[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    let (channels, length) = (usize::from(file[22]), four(40) as usize);
    assert!(file.len() >= 44 + length, "the head tells of more than there is");
    let samples: Vec<i16> =
        file[44..44 + length].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let channel = |number: usize| samples.iter().skip(number).step_by(channels).copied().collect();
    (four(24), (0..channels).map(channel).collect())
}

/// The share of a tone in the energy of the samples at 8,000 Hz, taken in pieces of 50 ms, so that it need not keep its phase; 0 of silence.
fn share(samples: &[i16], hertz: f64) -> f64 {
    let samples: Vec<f64> = samples.iter().map(|sample| f64::from(*sample)).collect();
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    let tone: f64 = samples.chunks_exact(400).map(|piece| goertzel(piece, hertz, 8_000.0)).sum();
    if energy < 1.0 { 0.0 } else { tone / energy }
}

struct Pair {
    alice: Phone,
    boris: Phone,
    at_alice: Dialog,
    at_boris: Dialog,
}

impl Pair {
    fn connected(exchange: &Exchange) -> Self {
        let mut alice = Phone::alice(exchange).registered();
        let mut boris = Phone::boris(exchange).registered();
        let dialling = alice.dial("1002");
        let invite = boris.called();
        let at_boris = boris.take(&invite);
        let at_alice = alice.answered(&dialling);
        Self { alice, boris, at_alice, at_boris }
    }

    fn talk(&self, packets: usize) {
        talk((&self.alice, &self.at_alice, TONES[0]), (&self.boris, &self.at_boris, TONES[1]), packets);
    }

    fn hang_up(&mut self) {
        self.alice.hang_up(&mut self.at_alice);
        self.boris.hung_up_on();
    }
}

fn order(exchange: &Exchange, call: &str, order: &str) -> u16 {
    let body = format!(r#"{{"order": "{order}"}}"#);
    let path = format!("/api/calls/{call}/recording");
    ask(exchange, "POST", &path, KEY, Some(("application/json", body.as_bytes()))).status
}

fn call(exchange: &Exchange) -> Value {
    until(|| get(exchange, "/api/calls")["items"].get(0).cloned()).expect("a call")
}

/// The newest recording once it is in this state, and its file.
fn recording(exchange: &Exchange, state: &str) -> (Value, PathBuf) {
    let row = until(|| {
        let row = get(exchange, "/api/recordings")["items"].get(0).cloned()?;
        (row["state"] == state).then_some(row)
    });
    let row = row.unwrap_or_else(|| panic!("no {state} recording: {}", get(exchange, "/api/recordings")));
    let file = exchange.home.data().join(row["file"].as_str().unwrap());
    (row, file)
}

#[test]
fn each_party_is_heard_in_its_channel_and_the_record_tells_the_file() {
    let exchange = recorded("auto: true, channels: parties").start();
    let mut pair = Pair::connected(&exchange);
    pair.talk(2 * SECOND);
    let seen = call(&exchange);
    assert_eq!((seen["recording"].is_string(), &seen["recording_state"]), (true, &"running".into()), "{seen}");
    figure_becomes(&exchange, "ironbell_recordings_active", 1.0);
    pair.hang_up();
    let (row, file) = recording(&exchange, "finished");
    let (rate, channels) = sound(&file);
    assert_eq!((rate, channels.len()), (8_000, 2));
    for (number, own, other) in [(0, TONES[0], TONES[1]), (1, TONES[1], TONES[0])] {
        assert!(channels[number].len() > 12_000, "{} samples", channels[number].len());
        assert!(share(&channels[number], own) > 0.9, "{number}: {}", share(&channels[number], own));
        assert!(share(&channels[number], other) < 0.01, "{number} has the other one's voice");
    }
    // Folders by date, and the name YYYYMMDDHHMM-caller-dialled.wav.
    let path: Vec<&str> = row["file"].as_str().unwrap().split('/').collect();
    let [_, year, month, day, name] = path[..] else { panic!("{path:?}") };
    assert!(name.starts_with(&format!("{year}{month}{day}")), "{path:?}");
    assert!(name.ends_with("-1001-1002.wav") && name.len() == 12 + "-1001-1002.wav".len(), "{path:?}");
    let beside: Value = serde_json::from_slice(&fs::read(file.with_extension("json")).unwrap()).unwrap();
    assert_eq!(beside, row);
    assert_eq!((&row["channels"], &row["class"]), (&serde_json::json!(["1001", "1002"]), &"automatic".into()), "{row}");
    let record = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&record["recording"], &record["id"]), (&row["id"], &row["call"]));
    let fetched = ask(&exchange, "GET", &format!("/api/recordings/{}", row["id"].as_str().unwrap()), KEY, None);
    assert_eq!(fetched.json(), row);
    figure_becomes(&exchange, "ironbell_recordings_active", 0.0);
}

#[test]
fn a_mixed_recording_has_both_voices_and_one_of_silence_has_none() {
    let exchange = recorded("auto: true").start();
    for speaking in [true, false] {
        let mut pair = Pair::connected(&exchange);
        if speaking {
            pair.talk(2 * SECOND);
        } else {
            // Packets flow all the same.
            talk((&pair.alice, &pair.at_alice, 0.0), (&pair.boris, &pair.at_boris, 0.0), SECOND);
        }
        let id = call(&exchange)["recording"].clone();
        pair.hang_up();
        let row = until(|| {
            let row = get(&exchange, &format!("/api/recordings/{}", id.as_str().unwrap()));
            (row["state"] == "finished").then_some(row)
        });
        let row = row.expect("it is finished");
        let (_, channels) = sound(&exchange.home.data().join(row["file"].as_str().unwrap()));
        assert_eq!(channels.len(), 1);
        for hertz in [TONES[0], TONES[1]] {
            let share = share(&channels[0], hertz);
            assert!(if speaking { (0.35..0.65).contains(&share) } else { share < 0.01 }, "{speaking} {hertz}: {share}");
        }
    }
}

#[test]
fn orders_start_pause_mask_and_stop_a_recording() {
    let exchange = recorded("channels: parties").start();
    let mut pair = Pair::connected(&exchange);
    pair.talk(10);
    let call_id = call(&exchange)["id"].as_str().unwrap().to_owned();
    assert_eq!(call(&exchange)["recording"], Value::Null);
    assert_eq!(order(&exchange, &call_id, "pause"), 409, "nothing is recorded");
    assert_eq!(order(&exchange, &call_id, "record"), 422);
    assert_eq!(order(&exchange, "0000000000000000", "start"), 404);
    let begun = Instant::now();
    assert_eq!(order(&exchange, &call_id, "start"), 204);
    pair.talk(SECOND);
    assert_eq!(order(&exchange, &call_id, "pause"), 204);
    let paused = Instant::now();
    assert_eq!(call(&exchange)["recording_state"], "paused");
    pair.talk(2 * SECOND);
    let paused = paused.elapsed().as_secs_f64();
    assert_eq!(order(&exchange, &call_id, "mask"), 204);
    pair.talk(SECOND);
    assert_eq!(order(&exchange, &call_id, "stop"), 204);
    let lasted = begun.elapsed().as_secs_f64();
    assert_eq!(call(&exchange)["recording"], Value::Null);
    let (row, file) = recording(&exchange, "finished");
    assert_eq!(row["class"], "ordered");
    let seconds = row["duration_seconds"].as_f64().unwrap();
    // A second of sound and one of silence; the two that were paused are not there. A frame is 20 ms.
    assert!(seconds > 1.8 && seconds < lasted - paused + 0.1, "{seconds} of {lasted} less {paused}");
    let (_, channels) = sound(&file);
    let (said, hidden) = (&channels[0][..6_400], &channels[0][channels[0].len() - 4_800..]);
    assert!(share(said, TONES[0]) > 0.9, "{}", share(said, TONES[0]));
    assert!(hidden.iter().all(|sample| *sample == 0), "masked sound is heard");
    // The call went on.
    pair.talk(10);
    pair.hang_up();
}

#[test]
fn a_kill_leaves_a_file_that_plays_and_the_next_start_makes_it_whole() {
    let exchange = recorded("auto: true").start();
    let pair = Pair::connected(&exchange);
    pair.talk(4 * SECOND);
    let (row, _) = recording(&exchange, "running");
    let home = exchange.kill();
    let file = home.data().join(row["file"].as_str().unwrap());
    let (_, channels) = sound(&file);
    assert!(channels[0].len() >= 16_000, "{} samples are told of", channels[0].len());
    assert!(share(&channels[0], TONES[0]) > 0.3);
    let exchange = home.start();
    let (row, file) = recording(&exchange, "recovered");
    let (_, channels) = sound(&file);
    let seconds = row["duration_seconds"].as_f64().unwrap();
    assert_eq!(fs::metadata(&file).unwrap().len(), 44 + 2 * channels[0].len() as u64, "all of it is told of");
    assert!((channels[0].len() as f64 / 8_000.0 - seconds).abs() < 0.01, "{row}");
}

#[test]
fn a_disk_below_its_floor_costs_the_recording_and_not_the_call() {
    let exchange = recorded("auto: true, warn_free: 1000000TB").start();
    assert!(exchange.said().line("the disk of recordings is getting full").is_some());
    let home = home("", "");
    home.edit("api:\n", "features: { recording: { auto: true, min_free: 1000000TB } }\napi:\n");
    let exchange = home.start();
    let mut pair = Pair::connected(&exchange);
    let (heard, _) = talk((&pair.alice, &pair.at_alice, TONES[0]), (&pair.boris, &pair.at_boris, TONES[1]), SECOND);
    assert_eq!(heard.len(), SECOND);
    let (row, file) = recording(&exchange, "missing");
    assert!(row["reason"].as_str().unwrap().contains("room"), "{row}");
    assert!(!file.exists());
    assert!(until(|| call(&exchange)["recording"].is_null().then_some(())).is_some(), "the call knows");
    assert!((figure(&exchange, r#"ironbell_recordings_total{outcome="refused"}"#) - 1.0).abs() < 1e-9);
    assert!((figure(&exchange, "ironbell_recording_disk_state") - 2.0).abs() < 1e-9);
    pair.talk(10);
    pair.hang_up();
}

#[test]
fn a_stop_of_the_exchange_closes_what_is_recorded() {
    let mut exchange = recorded("auto: true").start();
    let mut pair = Pair::connected(&exchange);
    pair.talk(SECOND);
    let (_, file) = recording(&exchange, "running");
    // Twice: the running call is not waited for.
    exchange.terminate();
    assert!(exchange.said().line("no new calls are taken").is_some());
    exchange.terminate();
    pair.alice.hung_up_on();
    pair.boris.hung_up_on();
    assert!(exchange.wait().success());
    let beside: Value = serde_json::from_slice(&fs::read(file.with_extension("json")).unwrap()).unwrap();
    assert_eq!(beside["state"], "finished", "{beside}");
    assert!(share(&sound(&file).1[0], TONES[0]) > 0.3);
}

#[test]
fn ringing_is_recorded_only_where_the_rule_wants_it() {
    for (rules, while_ringing) in [("auto: true", false), ("auto: true, bridged_only: false", true)] {
        let exchange = recorded(rules).start();
        let mut alice = Handset::alice(&exchange).registered();
        let mut boris = Handset::boris(&exchange).registered();
        let asked = alice.dial("1002");
        let invite = boris.called();
        let body = boris.description("sendrecv");
        boris.say_with(&invite, 183, "", &body);
        alice.progress(&asked, 183);
        let mut his = Voice::new(0, 2);
        let early = boris.ringing_talk(&invite);
        until_heard((&boris, &mut his, &early), &alice, 1);
        assert_eq!(call(&exchange)["recording"].is_string(), while_ringing, "{rules}");
        boris.say_with(&invite, 200, "", &body);
        let mut at_boris = boris.taken(&invite);
        let answer = alice.final_answer(&asked);
        alice.acknowledge(&asked, &answer, "");
        assert!(until(|| call(&exchange)["recording"].is_string().then_some(())).is_some(), "{rules}");
        boris.hang_up(&mut at_boris);
        alice.hung_up_on();
        recording(&exchange, "finished");
    }
}

#[test]
fn a_recording_whose_time_is_over_is_deleted_and_its_row_says_so() {
    let exchange = recorded("auto: true, retention: 1s").start();
    let mut pair = Pair::connected(&exchange);
    pair.talk(SECOND);
    pair.hang_up();
    let (row, file) = recording(&exchange, "finished");
    assert!(file.exists() && file.with_extension("json").exists());
    let expires_at: jiff::Timestamp = row["expires_at"].as_str().unwrap().parse().unwrap();
    while jiff::Timestamp::now() <= expires_at {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The next start looks for what is over.
    let exchange = exchange.kill().start();
    let (row, file) = recording(&exchange, "expired");
    assert!(!file.exists() && !file.with_extension("json").exists());
    assert_eq!(row["class"], "automatic");
}
