//! The configuration of `run --dev`: two demo accounts with fresh secrets, written once and found again at the next start.
//!
//! It is an ordinary file in the data directory, readable by its owner alone, so that it can be copied, edited and given to `run --config`.

use super::{Config, Fault, Position, load};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use signaling::settings::Secret;
use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The file's name in the data directory.
pub const DEV_FILE: &str = "dev.yml";

/// Characters of a demo secret: 20 of 57, worth 116 bits, without those that look alike.
const SECRET_CHARS: usize = 20;

/// What `run --dev` shows to its user. The only place where secrets are meant to be read.
#[derive(Clone, Debug)]
pub struct DevSecrets {
    /// Authentication name and secret of each demo account, by number.
    pub extensions: Vec<DevAccount>,
    /// Key of the API's first administrator.
    pub api_key: Secret,
    /// The file that holds them.
    pub file: PathBuf,
}

/// One demo account.
#[derive(Clone, Debug)]
pub struct DevAccount {
    /// Its number.
    pub number: String,
    /// Its authentication name.
    pub auth_user: String,
    /// Its secret.
    pub secret: Secret,
}

/// The demo configuration of `data_dir`, made there when it is not.
///
/// # Errors
///
/// The file cannot be made or read, or was edited into a faulty one.
pub fn dev(data_dir: &Path) -> Result<(Config, DevSecrets), Vec<Fault>> {
    let file = data_dir.join(DEV_FILE);
    make(data_dir, &file).map_err(|error| {
        vec![Fault {
            file: file.display().to_string(),
            at: Position::START,
            what: format!("the demo configuration cannot be made: {error}"),
            instead: "a data directory that may be written".to_owned(),
        }]
    })?;
    let config = load(&file)?;
    let api_key = config.api.keys.first().map_or_else(|| Secret::new(String::new()), |key| key.key.clone());
    let extensions = config
        .extensions
        .iter()
        .map(|extension| DevAccount {
            number: extension.number.clone(),
            auth_user: extension.auth_user.clone(),
            secret: extension.secret.clone(),
        })
        .collect();
    Ok((config, DevSecrets { extensions, api_key, file }))
}

fn make(data_dir: &Path, file: &Path) -> io::Result<()> {
    if file.exists() {
        return Ok(());
    }
    fs::create_dir_all(data_dir)?;
    let text = text(data_dir, &mut fresh()?);
    // Written beside and renamed, so that a file cut short by a crash never counts as the demo configuration.
    let beside = file.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&beside, file)
}

fn text(data_dir: &Path, random: &mut ChaCha20Rng) -> String {
    // JSON's quoting of a string is YAML's as well.
    let data_dir = serde_json::Value::from(data_dir.display().to_string());
    format!(
        "# Made by `ironbell run --dev`. The secrets are this machine's own; copy and edit the file to go on from here.\n\
         server:\n\
         \x20 domain: ironbell.local\n\
         \x20 data_dir: {data_dir}\n\
         \x20 sip: {{ listen: [\"udp://127.0.0.1:5060\", \"tcp://127.0.0.1:5060\"] }}\n\
         \x20 rtp: {{ bind: 127.0.0.1 }}\n\
         api:\n\
         \x20 keys: [{{ name: first, role: admin, key: \"{}\" }}]\n\
         extensions:\n\
         \x20 - {{ number: \"1001\", name: Alice, auth_user: alice, secret: \"{}\" }}\n\
         \x20 - {{ number: \"1002\", name: Boris, auth_user: boris, secret: \"{}\" }}\n",
        drawn(random, 32),
        drawn(random, SECRET_CHARS),
        drawn(random, SECRET_CHARS),
    )
}

/// A generator seeded by the system.
fn fresh() -> io::Result<ChaCha20Rng> {
    let mut seed = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(ChaCha20Rng::from_seed(seed))
}

/// Characters drawn by lot. Those that look alike are left out, because people type these into phones.
fn drawn(random: &mut ChaCha20Rng, length: usize) -> String {
    const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut out = String::new();
    while out.len() < length {
        // Rejection keeps the draw even: 228 is the largest multiple of 57 below 256.
        let byte = (random.next_u32() & 0xff) as usize;
        if byte < 228
            && let Some(letter) = ALPHABET.get(byte % ALPHABET.len())
        {
            out.push(char::from(*letter));
        }
    }
    out
}
