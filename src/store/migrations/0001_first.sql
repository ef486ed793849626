-- Times are milliseconds of Unix time. STRICT: a value of the wrong type is an error, not a surprise.

CREATE TABLE bindings (
    number     TEXT    NOT NULL,
    contact    TEXT    NOT NULL,
    q_milli    INTEGER NOT NULL,
    path       TEXT    NOT NULL CHECK (json_valid(path)),
    call_id    TEXT    NOT NULL,
    cseq       INTEGER NOT NULL,
    user_agent TEXT    NOT NULL,
    transport  TEXT    NOT NULL CHECK (transport IN ('udp', 'tcp')),
    source     TEXT    NOT NULL,
    listener   INTEGER NOT NULL,
    behind_nat INTEGER NOT NULL CHECK (behind_nat IN (0, 1)),
    expires_at INTEGER NOT NULL,
    -- When the row was written, by three clocks: the wall, and the machine's uptime in the boot named.
    saved_at   INTEGER NOT NULL,
    saved_up   INTEGER NOT NULL,
    boot       TEXT    NOT NULL,
    PRIMARY KEY (number, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    -- The order of the calls' ends; pages are cut by it.
    seq              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL,
    from_number      TEXT    NOT NULL,
    to_number        TEXT    NOT NULL,
    started_at       INTEGER NOT NULL,
    ended_at         INTEGER NOT NULL,
    disposition      TEXT    NOT NULL,
    -- The whole record as it stands in the file of its day, legs included.
    record           TEXT    NOT NULL CHECK (json_valid(record)),
    UNIQUE (id, started_at)
) STRICT;

CREATE INDEX calls_by_time ON calls (started_at);
CREATE INDEX calls_by_from ON calls (from_number, seq);
CREATE INDEX calls_by_to ON calls (to_number, seq);
CREATE INDEX calls_by_disposition ON calls (disposition, seq);

CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    detail TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
