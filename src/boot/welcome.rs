//! What a newcomer is told: how to make a first call.

use crate::config::{Config, DevSecrets, local_address};
use signaling::{flow::Transport, settings::Listener};
use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The text after the start of a demo exchange. It shows secrets, and goes to the console only, never into the log.
pub(super) fn text(config: &Config, listeners: &[Listener], http: SocketAddr, secrets: &DevSecrets) -> String {
    let mut text = String::new();
    let key = secrets.api_key.expose();
    let server = listeners.iter().find(|listener| listener.transport == Transport::Udp).or(listeners.first());
    let (host, port) =
        server.map_or(("127.0.0.1", 5060), |listener| (listener.advertised.0.as_str(), listener.advertised.1));
    let rule = "-".repeat(78);
    let _ = write!(
        text,
        "\n{rule}\n  Ironbell {} is running.\n{rule}\n\n\
         1. Set up two phones (any SIP phone or app: Linphone, MicroSIP, baresip, a desk phone):\n\n\
         \x20     SIP server / domain   {host}:{port}   (UDP or TCP)\n",
        env!("CARGO_PKG_VERSION")
    );
    for account in &secrets.extensions {
        let _ = writeln!(
            text,
            "      extension {}        user {:<8} password {}",
            account.number,
            account.auth_user,
            account.secret.expose()
        );
    }
    let _ = write!(
        text,
        "\n   \"User name\" in a phone is the extension's number, \"authentication user\" the user shown above.\n"
    );
    if server.is_some_and(|listener| listener.bound.ip().is_loopback()) {
        let _ = write!(
            text,
            "   Only phones on this machine reach it now. For others, start it with an address of this machine:\n\n\
             \x20     ironbell run --dev --listen {}\n",
            local_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        );
    } else {
        let _ = write!(
            text,
            "   Phones on your network reach it too. If one does not register, let UDP {port} and UDP {}-{}\n   through this machine's firewall.\n",
            config.server.rtp.ports.first, config.server.rtp.ports.last
        );
    }
    let echo = config.features.codes.echo.as_deref().unwrap_or("*43");
    let first = secrets.extensions.first().map_or("1001", |account| account.number.as_str());
    let second = secrets.extensions.get(1).map_or("1002", |account| account.number.as_str());
    let _ = write!(
        text,
        "\n2. Alone? Dial {echo} and speak: you hear yourself.\n\
         3. Dial {second} from {first}. Answer. Talk.\n\
         4. Or let the exchange ring both:\n\n\
         \x20     curl -X POST http://{http}/api/call -H 'Authorization: Bearer {key}' \\\n\
         \x20          -H 'Content-Type: application/json' -d '{{\"from\": \"{first}\", \"to\": \"{second}\"}}'\n\n\
         Look inside\n\
         \x20     http://{http}/docs       every resource (the browser asks: any user name, password = the key below)\n\
         \x20     http://{http}/metrics    figures for Prometheus\n\
         \x20     first administrator password (the API key):  {key}\n\n\
         The configuration is {}; edit it, or copy it and use `ironbell run --config FILE`.\n\
         Stop with Ctrl-C: running calls get up to {} s to end, a second Ctrl-C ends them at once.\n{rule}\n",
        secrets.file.display(),
        config.server.drain.as_secs()
    );
    text
}
