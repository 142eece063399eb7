-- +goose Up
CREATE TABLE ledger_schema (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    min_code INTEGER NOT NULL
);
INSERT INTO ledger_schema VALUES (1, 1, 1);

CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ledger TEXT NOT NULL,
    number INTEGER NOT NULL,
    hold INTEGER NOT NULL
);

CREATE TABLE owners (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    language TEXT NOT NULL,
    active INTEGER NOT NULL
);

CREATE TABLE units (
    unit TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner INTEGER REFERENCES owners (id),
    site INTEGER,
    listed INTEGER NOT NULL,
    published INTEGER NOT NULL,
    capacity INTEGER NOT NULL,
    added TEXT NOT NULL
);

CREATE TABLE rules (
    unit TEXT NOT NULL REFERENCES units (unit),
    from_day TEXT NOT NULL,
    to_day TEXT NOT NULL,
    min_stay INTEGER NOT NULL,
    arrivals TEXT NOT NULL,
    PRIMARY KEY (unit, from_day)
);

CREATE TABLE partners (
    partner TEXT PRIMARY KEY,
    rights TEXT NOT NULL,
    all_units INTEGER NOT NULL,
    conflicts TEXT NOT NULL,
    email TEXT NOT NULL,
    added TEXT NOT NULL,
    revoked TEXT
);

CREATE TABLE partner_units (
    partner TEXT NOT NULL REFERENCES partners (partner),
    unit TEXT NOT NULL,
    PRIMARY KEY (partner, unit)
);

CREATE TABLE secrets (
    id TEXT PRIMARY KEY,
    partner TEXT NOT NULL REFERENCES partners (partner),
    hash TEXT NOT NULL,
    added TEXT NOT NULL,
    ends TEXT
);
CREATE INDEX secrets_partner ON secrets (partner);
CREATE INDEX secrets_hash ON secrets (hash);

CREATE TABLE holds (
    hold INTEGER PRIMARY KEY,
    unit TEXT NOT NULL REFERENCES units (unit),
    from_day TEXT NOT NULL,
    to_day TEXT NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    ref TEXT NOT NULL,
    note TEXT NOT NULL,
    change INTEGER NOT NULL,
    at TEXT NOT NULL,
    long INTEGER NOT NULL
);
CREATE INDEX holds_from ON holds (from_day, unit, to_day, type);
CREATE INDEX holds_long ON holds (to_day, from_day, unit, type) WHERE long;

CREATE TABLE days (
    unit TEXT NOT NULL,
    day TEXT NOT NULL,
    hold INTEGER NOT NULL,
    PRIMARY KEY (unit, day)
) WITHOUT ROWID;

CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    from_day TEXT NOT NULL,
    to_day TEXT NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    actor TEXT NOT NULL,
    ref TEXT NOT NULL,
    note TEXT NOT NULL,
    at TEXT NOT NULL,
    before TEXT NOT NULL,
    undoes INTEGER NOT NULL,
    key TEXT,
    request TEXT
);
CREATE INDEX changes_unit ON changes (unit, number);
CREATE UNIQUE INDEX changes_key ON changes (actor, key) WHERE key IS NOT NULL;

CREATE TABLE outbox (
    change INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (change, kind)
);
