-- +goose Up
ALTER TABLE head ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;

CREATE TABLE cursors (
    destination TEXT PRIMARY KEY,
    ledger TEXT NOT NULL,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    paused INTEGER NOT NULL,
    failing TEXT,
    tries INTEGER NOT NULL,
    next TEXT,
    code TEXT NOT NULL,
    fault TEXT NOT NULL
);

CREATE TABLE hooks (
    hook TEXT PRIMARY KEY,
    partner TEXT NOT NULL REFERENCES partners (partner),
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    added TEXT NOT NULL,
    ended TEXT
);

CREATE TABLE waiting (
    unit TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    part TEXT NOT NULL,
    data TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (unit, epoch, number, part)
);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);

UPDATE ledger_schema SET version = 2;
