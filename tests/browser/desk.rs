//! What every test needs: an exchange that browsers reach, a browser, and phones in its pages.

use crate::{
    bundle,
    chromium::{Chromium, Page},
    exchange::{Exchange, Home},
    http::figure_becomes,
};
use serde_json::json;
use std::env;

/// An exchange and a browser.
pub(crate) struct Desk {
    pub(crate) exchange: Exchange,
    chromium: Chromium,
}

impl Desk {
    /// `None`: there is no browser here, and the tests may be without.
    pub(crate) fn open() -> Option<Self> {
        Self::with(|_| {})
    }

    /// The same, with a configuration that `edit` has changed.
    pub(crate) fn with(edit: impl FnOnce(&Home)) -> Option<Self> {
        let missing: Vec<&str> = ["chromium", "npm"].into_iter().filter(|program| !is_there(program)).collect();
        if !missing.is_empty() {
            let what = format!("the tests of browsers need {}; scripts/need test installs them", missing.join(", "));
            assert!(env::var_os("IRONBELL_WITHOUT_PEERS").is_some_and(|value| value == "1"), "{what}");
            println!("skipped: {what}");
            return None;
        }
        let home = Home::new(200);
        home.edit("\"tcp://127.0.0.1:0\"", "\"ws://127.0.0.1:0\", \"wss://127.0.0.1:0\"");
        edit(&home);
        Some(Self { exchange: home.start(), chromium: Chromium::start(bundle::page()) })
    }

    /// Alice in a page, registered; she speaks this tone, 0 is silence.
    pub(crate) fn alice(&self, transport: &str, hertz: u32) -> Page {
        self.phone(transport, ("1001", "alice", "Kf3-first-wheel-9"), hertz)
    }

    /// Boris in a page, registered.
    pub(crate) fn boris(&self, transport: &str, hertz: u32) -> Page {
        self.phone(transport, ("1002", "1002", "Qs8-second-wheel-4"), hertz)
    }

    /// When the calls are over, nothing of them is left.
    pub(crate) fn is_at_rest(&self) {
        for gauge in ["calls_active", "media_sessions", "media_ports_in_use"] {
            figure_becomes(&self.exchange, &format!("ironbell_{gauge}"), 0.0);
        }
    }

    fn phone(&self, transport: &str, (number, user, secret): (&str, &str, &str), hertz: u32) -> Page {
        let mut page = self.chromium.page();
        let server = format!("{transport}://{}", self.exchange.listens(transport));
        let wishes = json!({ "server": server, "number": number, "user": user, "secret": secret, "hertz": hertz });
        assert_eq!(page.run(&format!("phone.start({wishes})")), "registered");
        page
    }
}

fn is_there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|place| place.join(program).is_file()))
}
