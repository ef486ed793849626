-- Messages between accounts that no phone has taken yet, in the order of `seq`.
CREATE TABLE messages (
    seq          INTEGER PRIMARY KEY,
    id           INTEGER NOT NULL UNIQUE,
    number       TEXT    NOT NULL,
    from_shown   TEXT    NOT NULL,
    -- Pairs of name and value.
    headers      TEXT    NOT NULL CHECK (json_valid(headers)),
    content_type TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- As in bindings.
    saved_at     INTEGER NOT NULL,
    saved_up     INTEGER NOT NULL,
    boot         TEXT    NOT NULL
) STRICT;
