-- +goose Up
ALTER TABLE owners ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE units ADD COLUMN state TEXT;
ALTER TABLE units ADD COLUMN seen TEXT;
CREATE INDEX units_owner ON units (owner);
CREATE INDEX units_site ON units (site);

CREATE TABLE states (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    unit TEXT NOT NULL REFERENCES units (unit),
    was TEXT NOT NULL,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX states_unit ON states (unit, entry);

CREATE TABLE links (
    link TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    owner INTEGER,
    asked TEXT NOT NULL,
    at TEXT NOT NULL,
    ends TEXT NOT NULL,
    sent TEXT,
    used TEXT
);
CREATE INDEX links_asked ON links (asked, at);
CREATE INDEX links_ends ON links (ends);

UPDATE ledger_schema SET version = 3;
