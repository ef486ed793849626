//! Messages between accounts as rows.

use super::binding::Moment;
use serde_json::{Value, json};
use signaling::input::StoredMessage;
use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};

/// The row of a message that is kept from now on.
pub(super) fn row(message: &StoredMessage, now_ms: i64) -> Value {
    let left_ms = i64::try_from(message.expires_in.as_millis()).unwrap_or(i64::MAX);
    json!([
        message.id,
        message.number,
        message.from,
        message.headers,
        message.content_type,
        hex(&message.body),
        now_ms.saturating_add(left_ms),
    ])
}

/// Octets as the database takes them out of a JSON value.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes those that are kept, and takes out those that are not any more.
pub(super) async fn apply(
    transaction: &mut Transaction<'_, Sqlite>,
    now: &Moment,
    kept: Vec<Value>,
    forgotten: Vec<Value>,
) -> Result<(), sqlx::Error> {
    if !kept.is_empty() {
        // The order of the list is the order in which they were kept, and becomes that of `seq`.
        sqlx::query(
            "INSERT INTO messages (id, number, from_shown, headers, content_type, body, expires_at, saved_at, saved_up, boot) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value -> 3, value ->> 4, unhex(value ->> 5), value ->> 6, $2, $3, $4 \
             FROM json_each($1) WHERE true ORDER BY key ON CONFLICT (id) DO NOTHING",
        )
        .bind(Value::from(kept).to_string())
        .bind(now.wall_ms)
        .bind(now.up_ms)
        .bind(&now.boot)
        .execute(&mut **transaction)
        .await?;
    }
    if !forgotten.is_empty() {
        sqlx::query("DELETE FROM messages WHERE id IN (SELECT value FROM json_each($1))")
            .bind(Value::from(forgotten).to_string())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// The messages that have time left, in the order in which they were kept.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Vec<StoredMessage>, sqlx::Error> {
    let now = Moment::now();
    let rows = sqlx::query("SELECT * FROM messages ORDER BY seq").fetch_all(connection).await?;
    let read: Result<Vec<_>, _> = rows.iter().map(|row| read(row, &now)).collect();
    Ok(read?.into_iter().flatten().collect())
}

fn read(row: &SqliteRow, now: &Moment) -> Result<Option<StoredMessage>, sqlx::Error> {
    let saved =
        Moment { wall_ms: row.try_get("saved_at")?, up_ms: row.try_get("saved_up")?, boot: row.try_get("boot")? };
    let expires_in = now.left(row.try_get("expires_at")?, &saved);
    if expires_in.is_zero() {
        return Ok(None);
    }
    let bad = |what: &str| sqlx::Error::Decode(format!("a message with a bad {what}").into());
    Ok(Some(StoredMessage {
        id: u64::try_from(row.try_get::<i64, _>("id")?).map_err(|_| bad("id"))?,
        number: row.try_get("number")?,
        from: row.try_get("from_shown")?,
        headers: serde_json::from_str(row.try_get("headers")?).map_err(|_| bad("headers"))?,
        content_type: row.try_get("content_type")?,
        body: row.try_get("body")?,
        expires_in,
    }))
}
