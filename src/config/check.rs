//! The second look at a configuration, when all of it is read, at what is not the dial plan: ports, numbers and codes that two want, trunks that cannot be
//! told apart, and the files that are named.

use super::{
    Config, Listen, Scheme,
    fault::Position,
    reader::{Reader, printable},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    net::SocketAddr,
    path::Path,
};

/// Judges what the sections say together.
pub(super) fn check(r: &mut Reader<'_>, config: &Config) {
    ranges(r);
    ports(r, config);
    codes(r, config);
    world(r, config);
    sources(r, config);
    if r.is_here {
        files(r, config);
    }
}

fn at(config: &Config, path: &str) -> Position {
    config.places.get(path).copied().unwrap_or(Position::START)
}

/// A number inside a range of another owner wins over the range; that is legal and rarely meant.
fn ranges(r: &mut Reader<'_>) {
    let inside: Vec<_> = r
        .owners
        .iter()
        .filter_map(|(number, (owner, at))| {
            let value: u32 = number.parse().ok()?;
            let (first, last, other) = r.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&value))?;
            let what = format!("{number}, the number of {owner}, lies in the range {first}-{last} of {other}");
            Some((*at, what))
        })
        .collect();
    for (at, what) in inside {
        r.warn(at, what, "a number outside the range, unless it shall win over it");
    }
}

/// Two sockets of one process on one port could never both open.
fn ports(r: &mut Reader<'_>, config: &Config) {
    let media = config.server.rtp.ports;
    let listeners = &config.server.sip.listen;
    for (index, listen) in listeners.iter().enumerate() {
        let here = at(config, &format!("server.sip.listen[{listen}]"));
        let port = u32::from(listen.address.port());
        let bound = SocketAddr::new(config.server.rtp.bind, listen.address.port());
        if listen.scheme == Scheme::Udp && collide(listen.address, bound) && (media.first..=media.last).contains(&port)
        {
            r.fault(
                here,
                format!("the listener {listen} lies within the RTP ports"),
                "a port outside server.rtp.ports",
            );
        }
        if listen.scheme != Scheme::Udp && collide(listen.address, config.api.listen) {
            let what = format!("the listener {listen} and api.listen, {}, want the same port", config.api.listen);
            r.fault(here, what, "a port each");
        }
        let same = |other: &&Listen| {
            (listen.scheme == Scheme::Udp) == (other.scheme == Scheme::Udp)
                && *other != listen
                && collide(listen.address, other.address)
        };
        if let Some(other) = listeners.get(..index).into_iter().flatten().find(same) {
            r.fault(here, format!("the listeners {other} and {listen} want the same port"), "a port each");
        }
    }
}

/// Whether two sockets of one protocol cannot both be bound. Port 0 takes any free one; [::] is bound for IPv6 alone.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let address = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && address
}

/// Codes that are dialled as numbers are: nobody else has them, and none looks like a prefix with an account's number behind it.
fn codes(r: &mut Reader<'_>, config: &Config) {
    let (codes, voicemail) = (&config.features.codes, &config.features.voicemail);
    let place = |key: &str| {
        let written = config.places.get(&format!("features.codes.{key}"));
        written.copied().unwrap_or_else(|| at(config, "features.codes"))
    };
    let dialled = [("pickup", &codes.pickup), ("echo", &codes.echo), ("dnd", &codes.dnd), ("dnd_off", &codes.dnd_off)]
        .into_iter()
        .filter_map(|(key, code)| Some((key, code.as_deref()?)));
    let of_voicemail = at(config, "features.voicemail");
    let prefixes =
        [("directed_pickup", codes.directed_pickup.as_deref()), ("voicemail", Some(voicemail.prefix.as_str()))];
    if codes.directed_pickup.as_ref() == Some(&voicemail.prefix) {
        let what = format!("`{}` is the prefix of voicemail and of directed_pickup", voicemail.prefix);
        r.fault(place("directed_pickup"), what, "a prefix each");
    }
    for (key, code) in dialled {
        if code == voicemail.access {
            r.fault(of_voicemail, format!("`{code}` is the access to voicemail and the code {key}"), "a code each");
        }
        if let Some((owner, first)) = r.owners.get(code) {
            let what = format!("`{code}` is the code {key} and the number of {owner} in line {}", first.line);
            r.fault(place(key), what, "a number with one owner");
        }
        for (of, prefix) in prefixes {
            let rest = prefix.and_then(|prefix| code.strip_prefix(prefix));
            if let Some((_, first)) = rest.and_then(|rest| r.owners.get(rest)) {
                let (line, rest) = (first.line, rest.unwrap_or_default());
                let what = format!("`{code}`, the code {key}, hides the prefix of {of} before {rest} of line {line}");
                r.warn(*first, what, "another code, prefix or number, unless the code shall win");
            }
        }
    }
}

/// One number of the world written in two ways has two owners all the same.
fn world(r: &mut Reader<'_>, config: &Config) {
    let rules = config.rules(&config.schedules());
    let mut seen: BTreeMap<String, (&String, Position)> = BTreeMap::new();
    let mut numbers: Vec<(&String, Position)> = rules
        .dids
        .iter()
        .map(|did| &did.number)
        .chain(rules.bound.keys())
        .map(|number| (number, at(config, &format!("number {number}"))))
        .collect();
    numbers.sort_by_key(|(_, at)| *at);
    for (number, at) in numbers {
        let world = rules.numbering.as_ref().and_then(|numbering| numbering.e164(number));
        let world = world.unwrap_or_else(|| number.clone());
        let digits = world.trim_start_matches('+').to_owned();
        match seen.get(&digits) {
            // Written alike, they were told when they were read.
            Some((first, _)) if *first == number => {}
            Some((first, before)) => {
                let what = format!("{number} is the number {first} of line {} in another spelling", before.line);
                r.fault(at, what, "a number with one owner");
            }
            None => {
                seen.insert(digits, (number, at));
            }
        }
    }
}

/// Calls from one source are one trunk's.
fn sources(r: &mut Reader<'_>, config: &Config) {
    let mut networks: BTreeMap<&str, &str> = BTreeMap::new();
    let mut servers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut trunks: Vec<_> = config.trunks.iter().collect();
    trunks.sort_by_key(|trunk| &trunk.name);
    for trunk in trunks {
        let here = at(config, &format!("trunks[{}]", trunk.name));
        let server = trunk.server.split(';').next().unwrap_or_default();
        if let Some(first) = servers.get(server) {
            let what = format!("calls from {server} are those of `{first}`, never of `{}`", trunk.name);
            r.warn(here, what, "one trunk for a server, unless it is only called by the other");
        } else {
            servers.insert(server, &trunk.name);
        }
        for network in &trunk.allow_from {
            match networks.get(network.as_str()) {
                Some(first) if *first != trunk.name => {
                    let what = format!("calls from {network} are those of `{first}`, never of `{}`", trunk.name);
                    r.warn(here, what, "a network in one trunk");
                }
                Some(_) => {}
                None => {
                    networks.insert(network, &trunk.name);
                }
            }
        }
    }
}

/// The files and folders that are named are there.
fn files(r: &mut Reader<'_>, config: &Config) {
    let tls = &config.server.sip.tls;
    let single = [("cert", &tls.cert), ("key", &tls.key), ("ca", &tls.ca)];
    let single = single.into_iter().filter_map(|(key, path)| Some((format!("server.sip.tls.{key}"), path.as_ref()?)));
    let more = tls.certificates.iter().enumerate().flat_map(|(index, pair)| {
        [&pair.cert, &pair.key].map(|path| (format!("server.sip.tls.certificates[{index}]"), path))
    });
    for (path, file) in single.chain(more) {
        if let Err(error) = readable(file) {
            let what = format!("the file {} cannot be read: {error}", printable(&file.display().to_string()));
            r.fault(at(config, &path), what, "a PEM file that the exchange may read");
        }
    }
    let folder = config.logging.file.as_ref().and_then(|file| file.parent());
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let what = format!("there is no folder {}", printable(&folder.display().to_string()));
        r.fault(at(config, "logging.file"), what, "a file in a folder that is there");
    }
    // Music of its own is a choice of the house; without it the default is that of the binary.
    for music in config.music_on_hold.iter().filter(|music| music.name != "default") {
        let folder = config.server.data_dir.join(&music.path);
        if !folder.is_dir() {
            let what = format!("there is no folder {}", printable(&folder.display().to_string()));
            r.warn(at(config, &format!("music_on_hold[{}]", music.name)), what, "a folder; else the default is played");
        }
    }
}

fn readable(path: &Path) -> io::Result<()> {
    // Looked at before it is opened: a pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    File::open(path)?.read(&mut [0; 1]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Fault, parse, parse_here};

    /// What is said of a text: faults, or the warnings without one.
    fn told(text: &str) -> Vec<String> {
        let text = format!("extensions: [{{ number: \"44\", auth_user: a, secret: Ju4-sixth-pane-22 }}]\n{text}");
        let said = parse("a.yml", &text, &|_| None).map_or_else(|faults| faults, |config| config.warnings);
        said.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn what_two_want_is_told_where_the_second_stands() {
        for (text, wanted) in [
            (
                "server: { sip: { listen: [udp://0.0.0.0:5060, tcp://0.0.0.0:5060, udp://127.0.0.1:5060] } }",
                "a.yml:2:67: the listeners udp://0.0.0.0:5060 and udp://127.0.0.1:5060 want the same port; a port each",
            ),
            (
                "server: { sip: { listen: [tcp://127.0.0.1:5060, tls://127.0.0.1:5060] } }",
                "a.yml:2:49: the listeners tcp://127.0.0.1:5060 and tls://127.0.0.1:5060 want the same port; a port each",
            ),
            (
                "server: { sip: { listen: [ws://0.0.0.0:8080] } }",
                "a.yml:2:27: the listener ws://0.0.0.0:8080 and api.listen, 127.0.0.1:8080, want the same port; a port each",
            ),
            (
                "server: { rtp: { bind: 0.0.0.0 }, sip: { listen: [udp://192.0.2.1:10500] } }",
                "a.yml:2:51: the listener udp://192.0.2.1:10500 lies within the RTP ports; a port outside server.rtp.ports",
            ),
            (
                "features: { codes: { directed_pickup: \"*\" } }",
                "a.yml:2:39: `*` is the prefix of voicemail and of directed_pickup; a prefix each",
            ),
            (
                "features: { voicemail: { access: \"*78\" } }",
                "a.yml:2:24: `*78` is the access to voicemail and the code dnd; a code each",
            ),
            (
                "features: { codes: { pickup: \"44\" } }",
                "a.yml:2:30: `44` is the code pickup and the number of an extension in line 1; a number with one owner",
            ),
            (
                "numbering: { country: \"49\" }\ndids: [{ number: \"+49305557\", to: \"44\" }, { number: \"0305557\", to: \"44\" }]",
                "a.yml:3:53: 0305557 is the number +49305557 of line 3 in another spelling; a number with one owner",
            ),
        ] {
            assert!(told(text).contains(&wanted.to_owned()), "{text}: {:#?}", told(text));
        }
        for text in [
            "server: { sip: { listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060, udp://127.0.0.2:5060, \"udp://[::]:5060\"] } }",
            "server: { sip: { listen: [udp://127.0.0.1:0, udp://127.0.0.1:0] } }",
            "features: { codes: { echo: \"*9\" } }",
        ] {
            assert_eq!(told(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_is_legal_and_rarely_meant_is_a_warning() {
        for (text, wanted) in [
            (
                "features: { codes: { echo: \"*44\" } }",
                "a.yml:1:24: `*44`, the code echo, hides the prefix of voicemail before 44 of line 1; another code, prefix or number, unless the code shall win",
            ),
            (
                "trunks: [{ name: a, server: \"sip:192.0.2.1\" }, { name: b, server: \"sip:192.0.2.1;transport=tcp\" }]",
                "a.yml:2:48: calls from sip:192.0.2.1 are those of `a`, never of `b`; one trunk for a server, unless it is only called by the other",
            ),
            (
                "trunks: [{ name: a, server: \"sip:192.0.2.1\", allow_from: [10.0.0.0/8] }, { name: b, server: \"sip:192.0.2.2\", allow_from: [10.0.0.0/8] }]",
                "a.yml:2:74: calls from 10.0.0.0/8 are those of `a`, never of `b`; a network in one trunk",
            ),
        ] {
            assert!(told(text).contains(&wanted.to_owned()), "{text}: {:#?}", told(text));
        }
    }

    #[test]
    fn a_rule_of_an_account_behind_one_that_takes_all_its_calls_is_told() {
        let text = "\
extensions:
  - number: \"1001\"
    auth_user: a
    secret: Ju4-sixth-pane-22
    forward:
      rules:
        - { to: \"1002\", schedule: hours }
        - { to: hangup, schedule: hours, from: [\"_+7.\"] }
        - { to: \"1002\", schedule: hours, open: false }
  - { number: \"1002\", auth_user: b, secret: Kw8-other-pane-73 }
features: { schedules: [{ name: hours, open: [\"mon 09:00-18:00\"] }] }
";
        let told: Vec<_> = parse("a.yml", text, &|_| None).unwrap_err().iter().map(Fault::to_string).collect();
        let wanted = "a.yml:8:11: the rule of 1001 to hangup can never hold: that in line 7 takes the same calls before it; other callers or hours, or another order";
        assert_eq!(told, [wanted]);
    }

    #[test]
    fn files_that_are_named_are_looked_for_on_this_machine_alone() {
        let home = tempfile::tempdir().unwrap();
        let there = home.path().join("there.pem");
        fs::write(&there, "x").unwrap();
        let text = format!(
            "\
server:
  data_dir: {home}
  sip:
    tls:
      cert: {there}
      key: {home}/gone.key
      certificates: [{{ cert: {home}, key: {there} }}]
logging: {{ file: {home}/none/ironbell.log }}
music_on_hold: [{{ name: default, path: a }}, {{ name: jazz, path: b }}]
extensions: []
",
            home = home.path().display(),
            there = there.display()
        );
        let told: Vec<_> = parse_here("a.yml", &text).unwrap_err().iter().map(Fault::to_string).collect();
        let home = home.path().display();
        let wanted = [
            format!(
                "a.yml:6:12: the file {home}/gone.key cannot be read: No such file or directory (os error 2); a PEM file that the exchange may read"
            ),
            format!("a.yml:7:22: the file {home} cannot be read: it is no file; a PEM file that the exchange may read"),
            format!("a.yml:8:18: there is no folder {home}/none; a file in a folder that is there"),
        ];
        assert_eq!(told, wanted);
        let elsewhere = parse("a.yml", &text, &|_| None).unwrap();
        assert!(elsewhere.warnings.is_empty(), "{:?}", elsewhere.warnings);
        let good = text
            .replace("/gone.key", "/there.pem")
            .replace(&format!("cert: {home},"), &format!("cert: {home}/there.pem,"))
            .replace("/none/", "/");
        let warnings: Vec<_> = parse_here("a.yml", &good).unwrap().warnings.iter().map(Fault::to_string).collect();
        assert_eq!(
            warnings,
            [format!("a.yml:9:45: there is no folder {home}/b; a folder; else the default is played")]
        );
    }
}
