-- +goose Up
ALTER TABLE head ADD COLUMN epoch bigint NOT NULL DEFAULT 1;

CREATE TABLE cursors (
    destination text PRIMARY KEY,
    ledger text NOT NULL,
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    paused boolean NOT NULL,
    failing timestamptz,
    tries integer NOT NULL,
    next timestamptz,
    code text NOT NULL,
    fault text NOT NULL
);

CREATE TABLE hooks (
    hook text PRIMARY KEY,
    partner text NOT NULL REFERENCES partners (partner),
    url text NOT NULL,
    secret text NOT NULL,
    added timestamptz NOT NULL,
    ended timestamptz
);

CREATE TABLE waiting (
    unit text NOT NULL,
    epoch bigint NOT NULL,
    number bigint NOT NULL,
    part text NOT NULL,
    data text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (unit, epoch, number, part)
);

CREATE TABLE counters (
    name text PRIMARY KEY,
    value bigint NOT NULL
);

UPDATE ledger_schema SET version = 2;
