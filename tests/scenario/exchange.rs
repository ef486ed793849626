//! The built program, started on free ports in a directory of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The administrator's key of every test exchange.
pub(crate) const KEY: &str = "a-key-for-scenarios-0001";

/// A key that may only look.
pub(crate) const VIEWER: &str = "a-key-for-scenarios-0002";

/// Long enough for a busy machine; nothing is asserted about how long it took.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where the next exchange's media ports begin, so that those of one test run do not take each other's.
static NEXT_PORTS: AtomicU16 = AtomicU16::new(0);

/// Media ports of all tests, below those that the system hands out by itself.
const ALL_PORTS: core::ops::Range<u16> = 12_000..32_000;

/// The first of so many ports that no exchange has which is still up: ranges follow one another, and begin anew when they come to the end.
fn ports_for_one(count: u16) -> u16 {
    let place = |next: u16| match next {
        // Runs beside one another begin at different places.
        0 => ALL_PORTS.start + (std::process::id() % 50) as u16 * 400,
        next => next,
    };
    let first = |next: u16| match place(next) {
        next if next + count > ALL_PORTS.end => ALL_PORTS.start,
        next => next,
    };
    let taken = NEXT_PORTS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| Some(first(next) + count));
    taken.map_or(ALL_PORTS.start, first)
}

/// A running exchange.
pub(crate) struct Exchange {
    process: Child,
    said: Arc<Said>,
    pub(crate) sip: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) home: Home,
}

/// What it has written so far.
#[derive(Default)]
pub(crate) struct Said {
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Said {
    /// Waits for a line that holds `part`.
    pub(crate) fn line(&self, part: &str) -> Option<String> {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.0.iter().find(|line| line.contains(part)) {
                return Some(line.clone());
            }
            let left = until.saturating_duration_since(Instant::now());
            if lines.1 || left.is_zero() {
                return None;
            }
            lines = self.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub(crate) fn all(&self) -> String {
        self.lines.lock().unwrap().0.join("\n")
    }

    fn listen(self: &Arc<Self>, stream: impl std::io::Read + Send + 'static) {
        let said = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                said.lines.lock().unwrap().0.push(line);
                said.more.notify_all();
            }
            said.lines.lock().unwrap().1 = true;
            said.more.notify_all();
        });
    }
}

/// A directory with a configuration.
pub(crate) struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    /// With `ports` media ports and the extensions 1001 to 1003.
    pub(crate) fn new(ports: u16) -> Self {
        // A run of its own range: an earlier test's exchange may still be closing its ports.
        let span = ports.max(100);
        let first = ports_for_one(span + span % 2);
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "server:\n  domain: pbx.test\n  data_dir: {data}\n  sip: {{ listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"] }}\n  \
             rtp: {{ bind: 127.0.0.1, ports: {first}-{last}, shards: 1 }}\n\
             api:\n  listen: 127.0.0.1:0\n  keys:\n    - {{ name: ops, role: admin, key: \"{KEY}\" }}\n    \
             - {{ name: eye, role: viewer, key: \"{VIEWER}\" }}\n\
             extensions:\n\
             \x20 - {{ number: \"1001\", name: Alice, auth_user: alice, secret: \"Kf3-first-wheel-9\" }}\n\
             \x20 - {{ number: \"1002\", name: Boris, secret: \"Qs8-second-wheel-4\" }}\n\
             \x20 - {{ number: \"1003\", name: Carol, secret: \"Zt5-third-wheel-2\" }}\n",
            data = directory.path().join("data").display(),
            last = first + ports - 1,
        );
        fs::write(directory.path().join("ironbell.yml"), text).unwrap();
        Self { directory }
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.path().join("ironbell.yml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Replaces a part of the configuration.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.configuration()).unwrap();
        assert!(text.contains(from), "{from:?} is not in the configuration");
        fs::write(self.configuration(), text.replace(from, to)).unwrap();
    }

    /// Starts the program here and waits until it is ready.
    pub(crate) fn start(self) -> Exchange {
        self.start_with(&[])
    }

    /// As [`Self::start`], with variables in its environment.
    pub(crate) fn start_with(self, environment: &[(&str, &str)]) -> Exchange {
        let (process, said) = launch_with(&self.configuration(), &[], environment);
        assert!(said.line("ready in").is_some(), "not ready:\n{}", said.all());
        let address = |part: &str| {
            let line = said.line(part).unwrap_or_else(|| panic!("no line with {part:?}:\n{}", said.all()));
            let text = line.split(part).nth(1).unwrap().split([' ', ',', '"']).next().unwrap().to_owned();
            text.parse().unwrap_or_else(|_| panic!("no address in {line}"))
        };
        let (sip, http) = (address("SIP over udp on "), address("HTTP on "));
        Exchange { process, said, sip, http, home: self }
    }
}

/// Starts the program with a configuration; what it says is collected.
pub(crate) fn launch(configuration: &Path, more: &[&str]) -> (Child, Arc<Said>) {
    launch_with(configuration, more, &[])
}

fn launch_with(configuration: &Path, more: &[&str], environment: &[(&str, &str)]) -> (Child, Arc<Said>) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ironbell"))
        .args(["run", "--config"])
        .arg(configuration)
        .args(more)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Arc::new(Said::default());
    said.listen(process.stderr.take().unwrap());
    (process, said)
}

impl Exchange {
    pub(crate) fn start() -> Self {
        Home::new(200).start()
    }

    /// Ends it without a warning, and gives its directory back.
    pub(crate) fn kill(mut self) -> Home {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        // The rest of `self` is dropped with nothing left to do.
        let home = Home { directory: tempfile::tempdir().unwrap() };
        std::mem::replace(&mut self.home, home)
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Asks it to read again what it can.
    pub(crate) fn reload(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.process).unwrap_or_else(|| panic!("it does not end:\n{}", self.said.all()))
    }

    /// Where it listens for a protocol.
    pub(crate) fn listens(&self, transport: &str) -> SocketAddr {
        let start = format!("SIP over {transport} on ");
        let line = self.said.line(&start).unwrap_or_else(|| panic!("no {transport}:\n{}", self.said.all()));
        line.split(start.as_str()).nth(1).unwrap().split([' ', '"']).next().unwrap().parse().unwrap()
    }

    pub(crate) fn said(&self) -> &Said {
        &self.said
    }
}

/// Waits for the end of a process, with patience.
pub(crate) fn wait(process: &mut Child) -> Option<ExitStatus> {
    until(|| process.try_wait().unwrap())
}

/// Asks again and again until there is an answer, with patience.
pub(crate) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the exchange said:\n{}", self.said.all());
        }
    }
}
