-- Times are milliseconds of Unix time.

CREATE TABLE recordings (
    -- The order of their beginnings; pages are cut by it.
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    call_id    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    -- When the file is deleted; NULL: never.
    expires_at INTEGER,
    -- The whole row as the API shows it.
    record     TEXT    NOT NULL CHECK (json_valid(record))
) STRICT;

CREATE INDEX recordings_by_call ON recordings (call_id);
CREATE INDEX recordings_by_state ON recordings (state, expires_at);
