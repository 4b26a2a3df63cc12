-- What a judge of free texts said of a draft and the upstream's answer. A pair that was judged in both orders has two
-- rows, which tell whether the judge contradicts itself.
CREATE TABLE judgings (
    exchange_id TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    -- Whether it read the draft first.
    draft_first INTEGER NOT NULL,
    preferred   TEXT NOT NULL,
    judged_us   INTEGER NOT NULL,
    PRIMARY KEY (exchange_id, purpose, draft_first)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER judgings_keep BEFORE UPDATE ON judgings
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER judgings_stay BEFORE DELETE ON judgings
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
