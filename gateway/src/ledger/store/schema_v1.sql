-- Money: decimal text in US dollars, NULL = unpriced. Moments: RFC 3339 UTC text, with
-- microseconds since 1970 beside it where they are compared. Durations: microseconds.

-- One row per exchange, written when it opens.
CREATE TABLE exchanges (
    id                TEXT PRIMARY KEY NOT NULL,
    started_at        TEXT NOT NULL,
    started_us        INTEGER NOT NULL,
    route             TEXT NOT NULL,
    principal         TEXT NOT NULL,
    client_model      TEXT NOT NULL,
    streamed          INTEGER NOT NULL,
    policy_version    TEXT NOT NULL,
    baseline_provider TEXT,
    baseline_model    TEXT,
    baseline_rates    TEXT,
    reserved_usd      TEXT
) STRICT;

CREATE INDEX exchanges_by_start ON exchanges (started_us);

-- One row per attempt, written when it ends.
CREATE TABLE attempts (
    exchange_id        TEXT NOT NULL,
    seq                INTEGER NOT NULL,
    engine             TEXT NOT NULL,
    provider           TEXT NOT NULL,
    model              TEXT NOT NULL,
    outcome            TEXT NOT NULL,
    input_tokens       INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    usage_complete     INTEGER NOT NULL,
    busy_us            INTEGER NOT NULL,
    latency_us         INTEGER NOT NULL,
    cost_usd           TEXT,
    rates              TEXT NOT NULL,
    error_kind         TEXT,
    ended_at           TEXT NOT NULL,
    PRIMARY KEY (exchange_id, seq)
) STRICT, WITHOUT ROWID;

-- One row per exchange that has ended. No row: still in flight, or its gateway was killed.
CREATE TABLE settlements (
    exchange_id     TEXT PRIMARY KEY NOT NULL,
    outcome         TEXT NOT NULL,
    source          TEXT NOT NULL,
    status          INTEGER NOT NULL,
    reason          TEXT,
    confidence      REAL,
    certificate     TEXT,
    latency_us      INTEGER,
    first_byte_us   INTEGER,
    baseline_method TEXT,
    baseline_input_tokens       INTEGER,
    baseline_cache_read_tokens  INTEGER,
    baseline_cache_write_tokens INTEGER,
    baseline_output_tokens      INTEGER,
    baseline_reasoning_tokens   INTEGER,
    baseline_usd    TEXT,
    settled_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Books are added to, never corrected in place.
CREATE TRIGGER exchanges_keep BEFORE UPDATE ON exchanges
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER exchanges_stay BEFORE DELETE ON exchanges
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER attempts_keep BEFORE UPDATE ON attempts
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER settlements_keep BEFORE UPDATE ON settlements
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER settlements_stay BEFORE DELETE ON settlements
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
