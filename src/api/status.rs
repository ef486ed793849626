//! `GET /api/status`: the exchange as a whole.

use super::{Api, problem::Problem};
use crate::{clock, publish::shards::ShardRate};
use axum::{Json, extract::State};
use serde::Serialize;
use signaling::{effect::Reply, input::Command};
use std::sync::Arc;
use utoipa::ToSchema;

/// The exchange as a whole.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// The version that runs.
    version: &'static str,
    /// Since the start.
    uptime_seconds: f64,
    /// Calls up.
    calls_active: usize,
    /// Accounts with at least one phone.
    registrations: usize,
    /// RTP and RTCP ports taken from the pool.
    ports_in_use: u64,
    /// Trunks that can be used.
    trunks_up: usize,
    /// No new calls are taken.
    draining: bool,
    /// The media cores.
    shards: Vec<Shard>,
}

/// One media core.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Shard {
    /// Its number.
    id: u16,
    /// The part of its core it used in the last second, 0 to 1.
    cpu: f64,
    /// Media sessions.
    sessions: u64,
    /// Packets received and sent in the last second.
    packets_per_second: f64,
    /// The highest tier that carried packets in the last second: 0 kernel, 1 relay, 2 DSP.
    tier: u8,
}

impl From<ShardRate> for Shard {
    fn from(rate: ShardRate) -> Self {
        let ShardRate { id, cpu, sessions, packets_per_second, tier } = rate;
        Self { id, cpu, sessions, packets_per_second, tier }
    }
}

/// The exchange as a whole.
#[utoipa::path(get, path = "/api/status", tag = "system", responses((status = 200, body = Status), (status = 401, body = Problem)))]
pub(super) async fn get(State(api): State<Arc<Api>>) -> Result<Json<Status>, Problem> {
    let Reply::Status(status) = api.ask(Command::Status).await? else { return Err(super::unexpected()) };
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: (clock::now() - api.started_at).as_secs_f64(),
        calls_active: status.calls,
        registrations: status.registrations,
        ports_in_use: api.shards.ports_in_use(),
        trunks_up: status.trunks_up,
        draining: status.draining,
        shards: api.shards.rates().into_iter().map(Shard::from).collect(),
    }))
}
