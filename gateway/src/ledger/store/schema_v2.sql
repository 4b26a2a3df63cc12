-- Evidence: what each decision rested on, in numbers, so that it can be made again and disputed. No text of any
-- prompt or answer. Moments: microseconds since 1970.

-- What decisions refer to, by the first 12 hexadecimal digits of the SHA-256 of the content: certificates (scorer and
-- threshold), and fingerprints (what ran). Written once, when first used; it stays when a newer one takes its place.
CREATE TABLE documents (
    id       TEXT PRIMARY KEY NOT NULL,
    kind     TEXT NOT NULL,
    content  TEXT NOT NULL,
    noted_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per draft that was judged. An exchange has at most one per purpose.
CREATE TABLE decisions (
    exchange_id      TEXT NOT NULL,
    purpose          TEXT NOT NULL,
    -- The features as 64-bit floats, little-endian, in the order of that version.
    features_version INTEGER NOT NULL,
    features         BLOB NOT NULL,
    -- The certificate whose scorer spoke; NULL: the plain scorer.
    certificate      TEXT,
    fingerprint      TEXT NOT NULL,
    mode             TEXT NOT NULL,
    -- Largest p_bad to accept; in the mode `threshold`, smallest confidence. NULL: none in force.
    threshold        REAL,
    p_bad            REAL NOT NULL,
    -- The check that the draft failed, which decides whatever the features say.
    failed_check     TEXT,
    -- `accept`, or the reason to escalate.
    verdict          TEXT NOT NULL,
    -- Where a draft was stopped early: decision tokens, the head's probability, and its limit.
    checkpoint       INTEGER,
    checkpoint_p     REAL,
    checkpoint_limit REAL,
    -- Chance that this accepted answer was audited, and what became of the draw.
    propensity       REAL,
    audit            TEXT,
    decided_us       INTEGER NOT NULL,
    PRIMARY KEY (exchange_id, purpose)
) STRICT, WITHOUT ROWID;

-- What was learnt of a draft: whether the upstream served the request better.
CREATE TABLE labels (
    exchange_id TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    origin      TEXT NOT NULL,
    bad         INTEGER NOT NULL,
    comparator  TEXT NOT NULL,
    labelled_us INTEGER NOT NULL,
    PRIMARY KEY (exchange_id, purpose, origin)
) STRICT, WITHOUT ROWID;

-- The upstream asked twice: whether it contradicts itself, which is what the comparator takes for a difference.
CREATE TABLE repeats (
    exchange_id TEXT PRIMARY KEY NOT NULL,
    differs     INTEGER NOT NULL,
    comparator  TEXT NOT NULL,
    labelled_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A route begins to answer locally, or stops.
CREATE TABLE turns (
    at_us       INTEGER NOT NULL,
    route       TEXT NOT NULL,
    mode        TEXT NOT NULL,
    cause       TEXT NOT NULL,
    certificate TEXT
) STRICT;

CREATE INDEX turns_by_moment ON turns (at_us);

CREATE TRIGGER documents_keep BEFORE UPDATE ON documents
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER documents_stay BEFORE DELETE ON documents
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER decisions_keep BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER labels_keep BEFORE UPDATE ON labels
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER labels_stay BEFORE DELETE ON labels
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER repeats_keep BEFORE UPDATE ON repeats
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER repeats_stay BEFORE DELETE ON repeats
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER turns_keep BEFORE UPDATE ON turns
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER turns_stay BEFORE DELETE ON turns
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
