-- Sources that are shut out for a time.
CREATE TABLE bans (
    -- The first address of the source.
    source     TEXT    NOT NULL PRIMARY KEY,
    reason     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    -- As in bindings.
    saved_at   INTEGER NOT NULL,
    saved_up   INTEGER NOT NULL,
    boot       TEXT    NOT NULL
) STRICT;
