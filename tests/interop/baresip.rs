//! baresip, driven over its ctrl_tcp module: netstrings of JSON, commands in, events out.

use crate::namespace::{EXCHANGE, INTERFACE, PHONES, at_phone};
use loadtest::{account::Account, clock, tone::Tone};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Longest wait for an event that must come.
const PATIENCE: Duration = Duration::from_secs(40);

/// A phone.
pub(crate) struct Baresip {
    child: Child,
    control: TcpStream,
    unread: Vec<u8>,
    events: Vec<Value>,
    directory: TempDir,
}

impl Baresip {
    /// Starts the phone of the `index`-th account, which says `tone`. It registers by itself.
    pub(crate) fn start(index: usize, tone: Tone) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let address = PHONES[index];
        write_configuration(directory.path(), index, tone);
        let log = fs::File::create(directory.path().join("log")).expect("a log");
        let child = at_phone(index, "baresip")
            .arg("-4")
            .arg("-f")
            .arg(directory.path())
            .args(["-n", INTERFACE])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("baresip starts");
        let control = SocketAddr::from((address, 4444));
        let until = clock::now() + PATIENCE;
        let control = loop {
            match TcpStream::connect(control) {
                Ok(stream) => break stream,
                Err(fault) => assert!(clock::now() < until, "baresip does not listen: {fault}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        control.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        Self { child, control, unread: Vec::new(), events: Vec::new(), directory }
    }

    /// Gives a command.
    pub(crate) fn command(&mut self, command: &str, parameters: &str) {
        let text = serde_json::json!({ "command": command, "params": parameters, "token": command }).to_string();
        write!(self.control, "{}:{text},", text.len()).expect("baresip listens");
    }

    /// Waits for the next event of this type; earlier events are forgotten.
    pub(crate) fn wait_for(&mut self, kind: &str) -> Value {
        let until = clock::now() + PATIENCE;
        loop {
            let place = self.events.iter().position(|event| event["type"] == kind);
            if let Some(place) = place {
                return self.events.drain(..=place).next_back().expect("it is there");
            }
            assert!(clock::now() < until, "no {kind}; {:?}\n{}", self.events, self.log());
            self.read();
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 4_096];
        if let Ok(length) = self.control.read(&mut buffer) {
            assert!(length > 0, "baresip is gone:\n{}", self.log());
            self.unread.extend_from_slice(&buffer[..length]);
        }
        while let Some((json, rest)) = netstring(&self.unread) {
            let value: Value = serde_json::from_slice(json).expect("JSON");
            self.unread = rest.to_vec();
            if value["event"] == true {
                self.events.push(value);
            }
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// What its ear decoded in all calls, as 16-bit samples at 8 kHz, one recording a call.
    pub(crate) fn recordings(&self) -> Vec<Vec<i16>> {
        let mut files: Vec<_> = fs::read_dir(self.directory.path())
            .expect("the directory")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        files.sort();
        files.iter().map(|file| samples(&fs::read(file).expect("a recording"))).collect()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // Nothing to be done about a process that is already gone.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn write_configuration(directory: &Path, index: usize, tone: Tone) {
    let address = PHONES[index];
    let Account { number, auth_user, secret } = Account::of(index);
    let here = directory.display();
    let configuration = format!(
        "sip_listen {address}:5060\nnet_interface {INTERFACE}\nmodule_path /usr/lib/baresip/modules\n\
         audio_source aufile,{here}/tone.wav\naudio_player aufile,{here}/played.wav\naudio_alert aufile,{here}/alert.wav\n\
         ctrl_tcp_listen {address}:4444\nsnd_path {here}\nrtp_ports 20000-20999\njitter_buffer_type off\n\
         module g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\n\
         module_app menu.so\nmodule_app contact.so\nmodule_app ctrl_tcp.so\n"
    );
    let account = format!(
        "<sip:{number}@{EXCHANGE}:5060>;auth_user={auth_user};auth_pass={secret};answermode=manual;audio_codecs=PCMU;regint=60\n"
    );
    fs::write(directory.join("config"), configuration).expect("a file");
    fs::write(directory.join("accounts"), account).expect("a file");
    fs::write(directory.join("contacts"), "").expect("a file");
    fs::write(directory.join("tone.wav"), wave(&tone.samples().repeat(3_000))).expect("a file");
}

/// A mono 8 kHz 16-bit WAV file.
fn wave(samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let length = data.len() as u32;
    let mut file = Vec::from(*b"RIFF");
    file.extend((length + 36).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    // PCM, one channel
    file.extend([1, 0, 1, 0]);
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

/// The samples of a WAV file of 16 bits: what follows the header of its `data` chunk.
fn samples(file: &[u8]) -> Vec<i16> {
    let start = file.windows(4).position(|w| w == b"data").map_or(file.len(), |at| at + 8);
    file.get(start..).unwrap_or_default().chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// The first whole netstring, and what follows it.
fn netstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = bytes.iter().position(|b| *b == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let body = bytes.get(colon + 1..colon + 1 + length)?;
    Some((body, bytes.get(colon + 2 + length..)?))
}

#[test]
fn netstrings_and_waves_are_read_back() {
    assert_eq!(netstring(b"2:{},3:"), Some((&b"{}"[..], &b"3:"[..])));
    assert_eq!(netstring(b"2:{"), None);
    assert_eq!(samples(&wave(&[1, -2, 300])), [1, -2, 300]);
}
