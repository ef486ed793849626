//! Asks name servers for signaling: one task a question, none of which anything waits for. The protocol is hickory's.
//!
//! Deliberately ignorant of SIP (RFC 3263 is signaling's), and without a memory: signaling keeps answers for as long as they may be believed.

use crate::{config::Dns, wire::Exchange};
use anyhow::{Context as _, Result};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf::read_system_conf,
};
use signaling::{
    dns::{Question, Record, RecordKind, Resolution},
    id::LookupId,
};
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinSet};

/// How long one server has for an answer, and how often it is asked; together less than signaling waits.
const TRY_WITHIN: Duration = Duration::from_millis(1_500);
const TRIES: usize = 2;

/// How long an answer without records is believed that does not say how long, RFC 2308 section 5.
const NOTHING_LIFE: Duration = Duration::from_secs(60);

/// A question for the name servers; answered through [`Exchange::resolved`].
#[derive(Debug)]
pub struct Lookup {
    /// Its name.
    pub lookup: LookupId,
    /// What is asked.
    pub question: Question,
}

/// Whom to ask.
#[derive(Clone)]
pub struct Resolver {
    servers: Option<TokioResolver>,
}

impl Resolver {
    /// The servers of the configuration, or the system's. Without any, every question fails.
    ///
    /// # Errors
    /// The servers cannot be asked at all, which is a matter of the system's limits.
    pub fn new(dns: &Dns) -> Result<Self> {
        let (config, options) = if dns.servers.is_empty() {
            match read_system_conf() {
                Ok((config, options)) => (config, Some(options)),
                Err(fault) => {
                    tracing::warn!(component = "resolve", %fault, "host names cannot be looked up; server.dns.servers names servers");
                    return Ok(Self { servers: None });
                }
            }
        } else {
            let servers = dns.servers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.to_vec())
            });
            (ResolverConfig::from_parts(None, Vec::new(), servers.collect()), None)
        };
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let wanted = builder.options_mut();
        if let Some(options) = options {
            *wanted = options;
        }
        (wanted.timeout, wanted.attempts, wanted.cache_size) = (TRY_WITHIN, TRIES, 0);
        Ok(Self { servers: Some(builder.build().context("name servers cannot be asked")?) })
    }

    async fn ask(&self, question: Question) -> Resolution {
        let Some(servers) = &self.servers else { return Resolution::Failed };
        // A name that is none has no records; the dot keeps the system's search list away.
        let Ok(name) = Name::from_ascii(format!("{}.", question.name)) else {
            return Resolution::Nothing { ttl: NOTHING_LIFE };
        };
        let kind = match question.kind {
            RecordKind::Naptr => RecordType::NAPTR,
            RecordKind::Srv => RecordType::SRV,
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
        };
        match servers.lookup(name, kind).await {
            Ok(answer) => {
                let ttl = answer.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                let ttl = Duration::from_secs(ttl.into());
                let records: Vec<_> = answer.answers().iter().filter_map(|found| record(&found.data)).collect();
                if records.is_empty() { Resolution::Nothing { ttl } } else { Resolution::Found { records, ttl } }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords {
                response_code: ResponseCode::NoError | ResponseCode::NXDomain,
                negative_ttl,
                ..
            }))) => {
                let ttl = negative_ttl.map_or(NOTHING_LIFE, |seconds| Duration::from_secs(seconds.into()));
                Resolution::Nothing { ttl }
            }
            Err(fault) => {
                tracing::info!(component = "resolve", ?question, %fault, "a name server did not answer");
                Resolution::Failed
            }
        }
    }
}

/// Answers the questions of the exchange until it ends.
pub async fn serve(resolver: Resolver, exchange: Exchange, mut lookups: mpsc::Receiver<Lookup>) {
    // As many as the exchange has questions open, which it bounds.
    let mut asked = JoinSet::new();
    loop {
        tokio::select! {
            lookup = lookups.recv() => {
                let Some(Lookup { lookup, question }) = lookup else { return };
                let (resolver, exchange) = (resolver.clone(), exchange.clone());
                asked.spawn(async move {
                    let resolution = resolver.ask(question).await;
                    exchange.resolved(lookup, resolution);
                });
            }
            Some(_) = asked.join_next() => {}
        }
    }
}

/// What signaling uses of a record.
#[expect(clippy::wildcard_enum_match_arm, reason = "the records of others are many and not ours")]
fn record(data: &RData) -> Option<Record> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let plain = |name: &Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    match data {
        RData::A(address) => Some(Record::Address(address.0.into())),
        RData::AAAA(address) => Some(Record::Address(address.0.into())),
        RData::SRV(service) => Some(Record::Srv {
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            target: plain(&service.target),
        }),
        RData::NAPTR(pointer) => Some(Record::Naptr {
            order: pointer.order,
            preference: pointer.preference,
            flags: text(&pointer.flags),
            service: text(&pointer.services),
            replacement: plain(&pointer.replacement),
        }),
        _ => None,
    }
}
