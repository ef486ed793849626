//! Which exchange is asked, and with which key.
//!
//! The key comes from the environment or a file, never from an argument, which every user of the machine can read.

use super::{Failure, client::Client};
use crate::config::{self, Config, DEV_FILE};
use signaling::settings::Secret;
use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Where a configuration lies when none is named: beside us, that of the demo, that of the service.
const USUAL_FILES: [&str; 2] = ["ironbell.yml", "/etc/ironbell/ironbell.yml"];

/// The exchange to ask. The key is read from IRONBELL_KEY, --key-file, or the configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Options {
    /// The API [default: that of the configuration]
    #[arg(long, global = true, env = "IRONBELL_URL", value_name = "URL")]
    url: Option<String>,
    /// A file that holds the API key
    #[arg(long, global = true, env = "IRONBELL_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The configuration that names API and key [default: ./ironbell.yml, ./data/dev.yml or /etc/ironbell/ironbell.yml]
    #[arg(long, global = true, env = "IRONBELL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Options {
    /// The configuration that was named by argument, for verbs that can work on it alone; the environment and --url mean a running exchange.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let named = self.config.clone().filter(|_| self.url.is_none())?;
        (env::var_os("IRONBELL_CONFIG").map(PathBuf::from).as_ref() != Some(&named)).then_some(named)
    }

    /// The client of what was asked for.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let config = match &self.config {
            Some(file) => Some(load(file)?),
            // A file that is broken names no exchange; without it there has to be something else that does.
            None if self.url.is_none() => usual_file().map(|file| load(&file)).transpose()?,
            None => usual_file().and_then(|file| config::load_elsewhere(&file).ok()),
        };
        let url = match (&self.url, &config) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(config)) => format!("http://{}", reachable(config.api.listen)),
            (None, None) => format!("http://{}", config::Api::default().listen),
        };
        if !url.starts_with("http://") {
            return Err(Failure::Usage.because(format!("{url} is not an http:// address")));
        }
        let key = self.key(config.as_ref())?;
        Ok(Client::new(url, key))
    }

    fn key(&self, config: Option<&Config>) -> Result<Option<Secret>, Failure> {
        if let Ok(key) = env::var("IRONBELL_KEY") {
            return Ok(Some(Secret::new(key.trim().to_owned())));
        }
        if let Some(file) = &self.key_file {
            let key = fs::read_to_string(file)
                .map_err(|error| Failure::Usage.because(format!("{} cannot be read: {error}", file.display())))?;
            return Ok(Some(Secret::new(key.trim().to_owned())));
        }
        // A key that was not named goes only to the exchange it belongs to.
        let own = self.url.is_none() || self.config.is_some();
        let keys = config.filter(|_| own).map(|config| config.api.keys.as_slice()).unwrap_or_default();
        Ok(keys.iter().max_by_key(|key| key.role).map(|key| key.key.clone()))
    }
}

/// Loads a file, to be shown or compared; its faults are told.
pub(super) fn load(file: &Path) -> Result<Config, Failure> {
    config::load_elsewhere(file).map_err(|faults| {
        for fault in faults {
            eprintln!("{fault}");
        }
        Failure::Failed
    })
}

/// The configuration that is meant when none is named.
pub(super) fn usual_file() -> Option<PathBuf> {
    let demo = Path::new("data").join(DEV_FILE);
    let [here, service] = USUAL_FILES.map(PathBuf::from);
    [here, demo, service].into_iter().find(|file| file.is_file())
}

/// A wildcard is listened on, but not connected to.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = listen.ip();
    if !ip.is_unspecified() {
        return listen;
    }
    let loopback =
        if ip.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(loopback, listen.port())
}
