//! From arguments to a running exchange and back: load → check → allocate → pin → open → ready, then drain. The order of this file is the
//! order of the boot; whatever cannot be had is said before the step after it begins.

mod allowance;
mod certificate;
mod drain;
mod parts;
mod recording;
mod serving;
mod welcome;

use self::certificate::Keyring;
use self::recording::Recordings;
use crate::{
    api::{Api, Doors},
    clock,
    config::{self, Amount, Config, DevSecrets, Fault, Level, LogFormat, Music, Order, Scheme},
    media::{
        Plane,
        library::{Folders, MusicClass, Sounds},
    },
    publish::{
        BANS_QUEUE_MAX, JOURNAL_QUEUE_MAX, Metrics, Publisher,
        journal::Journal,
        log::{self, Shape},
        process::Process,
        shards::{ShardCollector, Shards, Watched},
        trace::{self, Stage},
    },
    reload::{self, Reloads, Source, Surroundings},
    resolve::{self, Resolver},
    store::{DataDir, Store},
    wire::{self, Exchange, Signaling, listen},
};
use anyhow::{Context as _, Result, anyhow};
use arc_swap::ArcSwap;
use media_core::{MediaConfig, ShardHandle, secure::Certificate};
use signaling::{
    flow::Transport,
    settings::{Listener, Settings},
};
use std::{
    fs,
    io::Read as _,
    net::IpAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{runtime::Runtime, sync::mpsc};
use tracing_subscriber::filter::LevelFilter;

/// The folder within `data_dir` whose files replace prompts of the binary.
const PROMPTS: &str = "prompts";

/// What `run` is told.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The configuration; without one the demo configuration of `data_dir` is used, and made if need be.
    pub config: Option<PathBuf>,
    /// Where the demo configuration and its data live, `./data` unless given.
    pub data_dir: Option<PathBuf>,
    /// The address the demo exchange listens on for phones elsewhere, instead of that of its configuration.
    pub listen: Option<IpAddr>,
    /// How long a stop waits for calls, instead of `server.drain`.
    pub drain: Option<Duration>,
}

/// Runs until stopped. 0: stopped as asked; 1: could not start, or had to end.
#[must_use]
pub fn run(options: &RunOptions) -> ExitCode {
    match start(options).and_then(Running::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("ironbell: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that runs. Fields are dropped in order: the log ends last.
struct Running {
    services: Runtime,
    signaling: JoinHandle<()>,
    exchange: Exchange,
    api: Arc<Api>,
    http: std::net::TcpListener,
    journal: Journal,
    trace: Option<trace::Running>,
    store: Store,
    shards: Vec<Arc<ShardHandle>>,
    reloads: Arc<Reloads>,
    recordings: Recordings,
    drain: Option<Duration>,
    _data_dir: DataDir,
    _log: log::Guard,
}

fn start(options: &RunOptions) -> Result<Running> {
    let began = clock::now();

    // Load.
    let Loaded { source, text, config, secrets } = load(options)?;

    // Check.
    let log = begin_log(&config)?;
    report(&config);
    let cores = Cores::plan(config.server.rtp.shards);
    let seed = seed()?;
    let sounds = Arc::new(sounds(&config, &seed));
    let media = media_config(&config, &cores, &seed, &sounds)?;
    let streams_max = allowance::check(&config, &media);

    // Allocate.
    let data_dir = DataDir::take(&config.server.data_dir)?;
    let services =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("services").enable_all().build()?;
    serving::read_sounds(services.handle(), &sounds, None);
    let metrics = Arc::new(Metrics::new()?);
    let store = services.block_on(Store::open(&config.store.url, &data_dir))?;
    let bindings = services.block_on(store.load_bindings())?;
    let messages = services.block_on(store.load_messages())?;
    let bans = services.block_on(store.load_bans())?;
    let (kept, kept_queue) = mpsc::channel(BANS_QUEUE_MAX);
    services.block_on(store.audit("boot", "configuration", &config.hash))?;
    let (records, record_queue) = mpsc::channel(JOURNAL_QUEUE_MAX);
    let journal =
        Journal::begin(&services, &config.server.data_dir, store.clone(), Arc::clone(&metrics), record_queue)?;
    let (lookups, lookup_queue) = mpsc::channel(signaling::limits::LOCATE_QUESTIONS_MAX);
    // Within the runtime, whose sockets it will use.
    let resolver = services.block_on(async { Resolver::new(&config.server.dns) })?;
    let (orders, order_queue) = mpsc::channel(signaling::limits::QUERIES_MAX);

    // Pin.
    let exchange = wire::door();
    let wake = exchange.clone();
    let waker: media_core::Waker = Arc::new(move || wake.wake());
    let shards = media_core::spawn(&media, &waker).context("the media plane cannot be started")?;
    let shards: Vec<_> = shards.into_iter().map(Arc::new).collect();
    let watched = Shards::new(shards.iter().map(|shard| Arc::clone(shard) as Arc<dyn Watched>).collect());
    metrics.register(Box::new(ShardCollector::new(Arc::clone(&watched))?))?;
    metrics.register(Box::new(Process::new(config.server.data_dir.clone())?))?;

    let recordings = Recordings::begin(&config, &services, &shards, (&store, &exchange, &metrics))?;

    // Open.
    let mut given = listen::Given::by_systemd().context("the sockets systemd passed cannot be taken")?;
    let mut sockets = Vec::new();
    let mut listeners = Vec::new();
    for wanted in &config.server.sip.listen {
        let transport = transport(wanted.scheme);
        let socket = listen::sip(&mut given, transport, wanted.address)?;
        let bound = socket.bound()?;
        listeners.push(Listener { transport, bound, advertised: config.server.sip.advertised(bound) });
        sockets.push(socket);
    }
    let http = listen::http(&mut given, config.api.listen)?;
    if given.left() > 0 {
        tracing::warn!(component = "boot", count = given.left(), "systemd passed sockets that no listener asks for");
    }
    let keyring = Keyring::open(&config, &listeners)?;
    if let Some(keyring) = &keyring {
        metrics.register(keyring.figure())?;
        services.spawn(Arc::clone(keyring).watch());
    }
    let shard_count = u16::try_from(shards.len()).context("too many shards")?;
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.bound).collect();
    let stage = Stage::new(&config, &listeners, shard_count);
    let tracing = trace::start(&config.server.trace, &config.server.data_dir, &addresses, stage, services.handle());
    let (tracer, traces, trace) = match tracing.context("the trace cannot be begun")? {
        Some((tracer, traces, running)) => (Some(tracer), Some(traces), Some(running)),
        None => (None, None, None),
    };
    if let Some(trace) = &trace {
        metrics.register(trace.figures())?;
    }
    let fingerprint = media.certificate.fingerprint();
    let bound = listeners.clone();
    let settings = move |config: &Config| Settings {
        media_fingerprint: Some(fingerprint),
        ..config.signaling(bound.clone(), shard_count)
    };
    let origins = Arc::new(ArcSwap::from_pointee(config.server.sip.origins.clone()));
    let signaling = wire::spawn(
        &exchange,
        Signaling {
            settings: Arc::new(settings(&config)),
            seed,
            sockets,
            tls: keyring.as_ref().map(|keyring| keyring.security()),
            origins: Arc::clone(&origins),
            streams_max,
            rules: config.gate(),
            bans,
            bindings,
            messages,
            plane: Plane::new(shards.clone(), Arc::clone(&sounds)),
            publisher: Publisher::new(Arc::clone(&metrics), records, recordings.recorder(), kept),
            tracer,
            lookups,
            store: orders,
            pinned: cores.signaling,
        },
    )
    .context("the signaling thread cannot be started")?;
    services.spawn(serving::keep_bans(store.clone(), kept_queue));
    services.spawn(resolve::serve(resolver, exchange.clone(), lookup_queue));
    services.spawn(serving::write_for_exchange(store.clone(), exchange.clone(), order_queue));
    let doors = Arc::new(ArcSwap::from_pointee(Doors::new(&config.api)));
    let mut parts: Vec<Box<dyn reload::Part>> = vec![
        Box::new(parts::ApiDoors(Arc::clone(&doors))),
        Box::new(parts::Pages(origins)),
        Box::new(parts::LogLevel(log.level())),
        Box::new(parts::RecordingRules(recordings.rules())),
        Box::new(parts::Audio(sounds, services.handle().clone())),
    ];
    parts.extend(keyring.map(|keyring| Box::new(parts::Certificates(keyring)) as Box<dyn reload::Part>));
    let reloads = Reloads::begin(Surroundings {
        source,
        started: config.clone(),
        text,
        parts,
        settings: Box::new(settings),
        exchange: exchange.clone(),
        store: store.clone(),
        metrics: Arc::clone(&metrics),
        services: services.handle().clone(),
    })?;
    services.spawn(Arc::clone(&reloads).watch());
    let api = Arc::new(Api {
        exchange: exchange.clone(),
        store: store.clone(),
        metrics,
        data_dir: config.server.data_dir.clone(),
        shards: watched,
        traces,
        doors,
        reloads: Arc::clone(&reloads),
        started_at: began,
        leaving: AtomicBool::new(false),
    });

    // Ready.
    let took = clock::now() - began;
    let http_at = http.local_addr()?;
    for (listener, wanted) in listeners.iter().zip(&config.server.sip.listen) {
        let networks = wanted.networks.as_ref().unwrap_or(&config.server.sip.networks).join(", ");
        tracing::info!(component = "boot", networks, "SIP over {} on {}", listener.transport, listener.bound);
    }
    tracing::info!(
        component = "boot",
        "HTTP on {http_at}, media ports {}-{}",
        config.server.rtp.ports.first,
        config.server.rtp.ports.last
    );
    tracing::info!(
        component = "boot",
        shards = shard_count,
        extensions = config.extensions.len(),
        "ready in {} ms",
        took.as_millis()
    );
    if let Some(secrets) = secrets {
        println!("{}", welcome::text(&config, &listeners, http_at, &secrets));
    }
    Ok(Running {
        services,
        signaling,
        exchange,
        api,
        http,
        journal,
        trace,
        store,
        shards,
        reloads,
        recordings,
        drain: options.drain,
        _data_dir: data_dir,
        _log: log,
    })
}

/// The configuration as it was read.
struct Loaded {
    source: Source,
    text: String,
    config: Config,
    /// Those of the demo.
    secrets: Option<DevSecrets>,
}

fn load(options: &RunOptions) -> Result<Loaded> {
    read(options).map_err(|faults| {
        for fault in &faults {
            eprintln!("{fault}");
        }
        match faults.len() {
            1 => anyhow!("the configuration has a fault; nothing was started"),
            count => anyhow!("the configuration has {count} faults; nothing was started"),
        }
    })
}

fn read(options: &RunOptions) -> Result<Loaded, Vec<Fault>> {
    let (source, secrets) = match &options.config {
        Some(file) => (Source { file: file.clone(), listen: None }, None),
        None => {
            let data_dir = options.data_dir.clone().unwrap_or_else(|| PathBuf::from("data"));
            let (_, secrets) = config::dev(&data_dir)?;
            (Source { file: secrets.file.clone(), listen: options.listen }, Some(secrets))
        }
    };
    let text = source.text()?;
    let config = source.checked(&text)?;
    Ok(Loaded { source, text, config, secrets })
}

fn begin_log(config: &Config) -> Result<log::Guard> {
    let level = level(config.logging.level);
    let shape = match config.logging.format {
        LogFormat::Text => Shape::Text,
        LogFormat::Json => Shape::Json,
    };
    log::begin(level, shape, config.logging.file.as_deref()).context("the log cannot be opened")
}

const fn level(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warning => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

/// What is legal, and yet worth a word.
fn report(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!(component = "config", "{warning}");
    }
    let not_active = config.not_active();
    if !not_active.is_empty() {
        tracing::warn!(component = "config", "not active in this version: {}", not_active.join(", "));
    }
}

const fn transport(scheme: Scheme) -> Transport {
    match scheme {
        Scheme::Udp => Transport::Udp,
        Scheme::Tcp => Transport::Tcp,
        Scheme::Tls => Transport::Tls,
        Scheme::Ws => Transport::Ws,
        Scheme::Wss => Transport::Wss,
    }
}

fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut seed))
        .context("no randomness from the system")?;
    Ok(seed)
}

/// Which thread has which core.
struct Cores {
    shards: u16,
    of_shards: Vec<usize>,
    signaling: Option<core_affinity::CoreId>,
}

impl Cores {
    /// Shards take cores from the last one down and leave one to everybody else, as far as there are enough. Signaling has a core of its own
    /// only where another is left for the services; where they share, the scheduler knows better than a pin.
    fn plan(wanted: Amount) -> Self {
        let mut cores = core_affinity::get_core_ids().unwrap_or_default();
        let all = cores.len();
        let shards = match wanted {
            Amount::Auto => all.saturating_sub(if all >= 4 { 2 } else { 1 }).max(1),
            Amount::Exactly(count) => usize::from(count).max(1),
        };
        let of_shards = cores.iter().rev().take(shards).map(|core| core.id).collect();
        cores.truncate(all.saturating_sub(shards));
        let signaling = if cores.len() >= 2 { cores.first().copied() } else { None };
        Self { shards: u16::try_from(shards).unwrap_or(u16::MAX), of_shards, signaling }
    }
}

/// Where sounds come from; read later, by a thread that may wait for the disk.
fn sounds(config: &Config, seed: &[u8; 32]) -> Sounds {
    let [.., a, b, c, d, e, f, g, h] = *seed;
    Sounds::new(folders(config), u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// Where prompts and music are.
fn folders(config: &Config) -> Folders {
    let data_dir = &config.server.data_dir;
    let class = |music: &Music| MusicClass {
        name: music.name.clone(),
        folder: data_dir.join(&music.path),
        random: music.order == Order::Random,
    };
    Folders { prompts: data_dir.join(PROMPTS), music: config.music_on_hold.iter().map(class).collect() }
}

fn media_config(config: &Config, cores: &Cores, seed: &[u8; 32], sounds: &Sounds) -> Result<MediaConfig> {
    let rtp = &config.server.rtp;
    let (bind_v4, bind_v6) = match rtp.bind {
        IpAddr::V4(bind) => (Some(bind), None),
        IpAddr::V6(bind) => (None, Some(bind)),
    };
    let [a, b, c, d, e, f, g, h, ..] = *seed;
    Ok(MediaConfig {
        shards: cores.shards,
        cpus: cores.of_shards.clone(),
        bind_v4,
        bind_v6,
        ports: u16::try_from(rtp.ports.first)?..=u16::try_from(rtp.ports.last)?,
        seed: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        certificate: Arc::new(Certificate::generate()?),
        library: sounds.library(),
    })
}
