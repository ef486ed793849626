//! A headless Chromium and its pages, driven by the DevTools protocol.

use crate::exchange::{PATIENCE, until};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client::client};

/// The address that pages come from: a page of this machine may use what else needs HTTPS.
const LOCAL: &str = "127.0.0.1:0";

/// A browser. One serves a whole test: its pages share nothing but the process.
pub(crate) struct Chromium {
    process: Child,
    tools: SocketAddr,
    pages: SocketAddr,
    home: tempfile::TempDir,
}

impl Chromium {
    /// Starts it; every page of it is `page`.
    pub(crate) fn start(page: String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let process = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"])
            .args([
                "--remote-debugging-port=0",
                "--autoplay-policy=no-user-gesture-required",
                "--ignore-certificate-errors",
            ])
            .args(["--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection"])
            .args([
                "--disable-background-timer-throttling",
                "--disable-renderer-backgrounding",
                "--disable-backgrounding-occluded-windows",
            ])
            .arg(format!("--user-data-dir={}", home.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|fault| panic!("chromium cannot be run ({fault}); scripts/need test installs it"));
        let port = until(|| {
            let text = fs::read_to_string(home.path().join("DevToolsActivePort")).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        })
        .expect("chromium does not start");
        let tools = SocketAddr::from(([127, 0, 0, 1], port));
        Self { process, tools, pages: serve(page), home }
    }

    /// A new page, loaded.
    pub(crate) fn page(&self) -> Page {
        let made = self.http("PUT", &format!("/json/new?http://{}/", self.pages));
        let url = made["webSocketDebuggerUrl"].as_str().unwrap().to_owned();
        let socket = TcpStream::connect(self.tools).unwrap();
        socket.set_read_timeout(Some(PATIENCE * 2)).unwrap();
        let (socket, _) = client(url, socket).unwrap();
        let mut page = Page { socket, asked: 0 };
        let loaded = "location.protocol === 'http:' && document.readyState === 'complete'";
        until(|| (page.run(loaded) == true).then_some(())).expect("the page does not load");
        assert_eq!(page.run("document.title"), "phone", "the page has a fault");
        page
    }

    fn http(&self, method: &str, path: &str) -> Value {
        let mut socket = TcpStream::connect(self.tools).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            self.tools
        )
        .unwrap();
        let mut answer = BufReader::new(socket);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).unwrap();
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already; its directory goes after it.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = self.home.path();
    }
}

/// One page.
pub(crate) struct Page {
    socket: WebSocket<TcpStream>,
    asked: u64,
}

impl Page {
    /// Runs a script to the end of what it promises, and gives its value.
    pub(crate) fn run(&mut self, script: &str) -> Value {
        let asked = self.begin(script);
        self.end(asked)
    }

    /// Begins to run a script; [`Self::end`] waits for it.
    pub(crate) fn begin(&mut self, script: &str) -> u64 {
        self.asked += 1;
        let question = json!({
            "id": self.asked,
            "method": "Runtime.evaluate",
            "params": { "expression": script, "awaitPromise": true, "returnByValue": true },
        });
        self.socket.send(Message::text(question.to_string())).unwrap();
        self.asked
    }

    /// The value of what was begun.
    pub(crate) fn end(&mut self, asked: u64) -> Value {
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == asked {
                let said = &answer["result"];
                assert!(
                    said.get("exceptionDetails").is_none(),
                    "{}",
                    said["exceptionDetails"]["exception"]["description"]
                );
                return said["result"]["value"].clone();
            }
        }
    }
}

/// Gives `page` to whoever asks, until the test ends.
fn serve(page: String) -> SocketAddr {
    let listener = TcpListener::bind(LOCAL).unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&socket).lines().map_while(Result::ok);
            let _ = lines.find(String::is_empty);
            // The browser may have gone.
            let _ = write!(
                &socket,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    at
}
