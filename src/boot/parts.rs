//! The parts of the shell that go by a configuration read again, each in its two phases ([`crate::reload::Part`]).

use super::{certificate::Keyring, folders, level, recording, serving};
use crate::{
    api::Doors,
    config::{Config, Fault},
    media::{library::Sounds, recording::RulesDoor},
    publish::log,
    reload::{InForce, Part},
};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::runtime::Handle;

/// What is ready without anything that could fail.
macro_rules! at_once {
    ($work:expr) => {
        Ok(Box::new($work) as InForce)
    };
}

/// Certificates; there when a listener is for them.
pub(super) struct Certificates(pub(super) Arc<Keyring>);

impl Part for Certificates {
    fn ready(&self, config: &Config) -> Result<InForce, Fault> {
        let (keyring, ready) = (Arc::clone(&self.0), self.0.ready(config));
        let ready = ready.map_err(|fault| {
            tracing::error!(component = "boot", "the certificates of before stay: {fault:#}");
            config.fault("server.sip.tls.cert", format!("{fault:#}"), "certificates with the keys that belong to them")
        })?;
        at_once!(move || keyring.put_in_force(ready))
    }
}

/// Keys, origins and openness of the API.
pub(super) struct ApiDoors(pub(super) Arc<ArcSwap<Doors>>);

impl Part for ApiDoors {
    fn ready(&self, config: &Config) -> Result<InForce, Fault> {
        let (place, doors) = (Arc::clone(&self.0), Arc::new(Doors::new(&config.api)));
        at_once!(move || place.store(doors))
    }
}

/// The pages that may connect by WebSocket.
pub(super) struct Pages(pub(super) Arc<ArcSwap<Vec<String>>>);

impl Part for Pages {
    fn ready(&self, config: &Config) -> Result<InForce, Fault> {
        let (place, origins) = (Arc::clone(&self.0), Arc::new(config.server.sip.origins.clone()));
        at_once!(move || place.store(origins))
    }
}

/// The least severe level that is logged.
pub(super) struct LogLevel(pub(super) log::LevelDoor);

impl Part for LogLevel {
    fn ready(&self, config: &Config) -> Result<InForce, Fault> {
        let (door, level) = (self.0.clone(), level(config.logging.level));
        at_once!(move || door.set(level))
    }
}

/// Where recordings go, and for how long they are kept.
pub(super) struct RecordingRules(pub(super) RulesDoor);

impl Part for RecordingRules {
    fn ready(&self, config: &Config) -> Result<InForce, Fault> {
        let rules = recording::rules(config).map_err(|fault| {
            config.fault("features.recording", format!("{fault:#}"), "a name such as `{date}-{caller}-{callee}`")
        })?;
        let door = self.0.clone();
        at_once!(move || door.set(rules))
    }
}

/// Prompts and music: read again, without anybody waiting for it.
pub(super) struct Audio(pub(super) Arc<Sounds>, pub(super) Handle);

impl Part for Audio {
    fn ready(&self, config: &Config) -> Result<InForce, Fault> {
        let (sounds, services, folders) = (Arc::clone(&self.0), self.1.clone(), folders(config));
        at_once!(move || serving::read_sounds(&services, &sounds, Some(folders)))
    }
}
