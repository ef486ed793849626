//! Bans as rows.

use super::binding::Moment;
use crate::wire::gate::BanReason;
use serde_json::{Value, json};
use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};
use std::{net::IpAddr, time::Duration};

/// A ban as it is kept across restarts. Times are relative, because the monotonic clock starts anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StoredBan {
    /// The first address of the source.
    pub source: IpAddr,
    /// Why.
    pub reason: BanReason,
    /// Time left until it ends; measured at the moment the value is made.
    pub expires_in: Duration,
}

/// The row of a ban, by its source; `None`: it is lifted.
pub(super) fn row(source: IpAddr, ban: Option<&StoredBan>, now_ms: i64) -> Value {
    let ends = |ban: &StoredBan| now_ms.saturating_add(i64::try_from(ban.expires_in.as_millis()).unwrap_or(i64::MAX));
    json!([source.to_string(), ban.map(|ban| ban.reason.name()), ban.map_or(0, ends)])
}

/// Writes bans, each source at most once, and takes out those that are lifted or over.
pub(super) async fn apply(
    transaction: &mut Transaction<'_, Sqlite>,
    now: &Moment,
    rows: Vec<Value>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = Value::from(rows).to_string();
    sqlx::query("DELETE FROM bans WHERE source IN (SELECT value ->> 0 FROM json_each($1)) OR expires_at <= $2")
        .bind(&rows)
        .bind(now.wall_ms)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "INSERT INTO bans (source, reason, expires_at, saved_at, saved_up, boot) \
         SELECT value ->> 0, value ->> 1, value ->> 2, $2, $3, $4 FROM json_each($1) WHERE value ->> 1 IS NOT NULL ORDER BY key",
    )
    .bind(&rows)
    .bind(now.wall_ms)
    .bind(now.up_ms)
    .bind(&now.boot)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The bans that have time left.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Vec<StoredBan>, sqlx::Error> {
    let now = Moment::now();
    let rows = sqlx::query("SELECT * FROM bans ORDER BY source").fetch_all(connection).await?;
    let read: Result<Vec<_>, _> = rows.iter().map(|row| read(row, &now)).collect();
    Ok(read?.into_iter().filter(|ban| !ban.expires_in.is_zero()).collect())
}

fn read(row: &SqliteRow, now: &Moment) -> Result<StoredBan, sqlx::Error> {
    let saved =
        Moment { wall_ms: row.try_get("saved_at")?, up_ms: row.try_get("saved_up")?, boot: row.try_get("boot")? };
    let bad = |what: &str| sqlx::Error::Decode(format!("a ban with a bad {what}").into());
    Ok(StoredBan {
        source: row.try_get::<&str, _>("source")?.parse().map_err(|_| bad("source"))?,
        reason: BanReason::named(row.try_get("reason")?).ok_or_else(|| bad("reason"))?,
        expires_in: now.left(row.try_get("expires_at")?, &saved),
    })
}
