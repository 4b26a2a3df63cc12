-- What kept the exchange from leaving: `route`, `detector:NAME` or `unreadable`; NULL: it was free to leave, or an older
-- build wrote the row. Never what was found, nor where.
ALTER TABLE exchanges ADD COLUMN pinned_by TEXT;
