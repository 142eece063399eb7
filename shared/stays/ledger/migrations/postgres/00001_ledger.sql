-- +goose Up
CREATE TABLE ledger_schema (
    one smallint PRIMARY KEY CHECK (one = 1),
    version integer NOT NULL,
    min_code integer NOT NULL
);
INSERT INTO ledger_schema VALUES (1, 1, 1);

CREATE TABLE head (
    one smallint PRIMARY KEY CHECK (one = 1),
    ledger text NOT NULL,
    number bigint NOT NULL,
    hold bigint NOT NULL
);

CREATE TABLE owners (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    language text NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE units (
    unit text PRIMARY KEY,
    name text NOT NULL,
    owner bigint REFERENCES owners (id),
    site bigint,
    listed boolean NOT NULL,
    published boolean NOT NULL,
    capacity integer NOT NULL,
    added timestamptz NOT NULL
);

CREATE TABLE rules (
    unit text NOT NULL REFERENCES units (unit),
    from_day date NOT NULL,
    to_day date NOT NULL,
    min_stay integer NOT NULL,
    arrivals text NOT NULL,
    PRIMARY KEY (unit, from_day)
);

CREATE TABLE partners (
    partner text PRIMARY KEY,
    rights text NOT NULL,
    all_units boolean NOT NULL,
    conflicts text NOT NULL,
    email text NOT NULL,
    added timestamptz NOT NULL,
    revoked timestamptz
);

CREATE TABLE partner_units (
    partner text NOT NULL REFERENCES partners (partner),
    unit text NOT NULL,
    PRIMARY KEY (partner, unit)
);

CREATE TABLE secrets (
    id text PRIMARY KEY,
    partner text NOT NULL REFERENCES partners (partner),
    hash text NOT NULL,
    added timestamptz NOT NULL,
    ends timestamptz
);
CREATE INDEX secrets_partner ON secrets (partner);
CREATE INDEX secrets_hash ON secrets (hash);

CREATE TABLE holds (
    hold bigint PRIMARY KEY,
    unit text NOT NULL REFERENCES units (unit),
    from_day date NOT NULL,
    to_day date NOT NULL,
    type text NOT NULL,
    origin text NOT NULL,
    ref text NOT NULL,
    note text NOT NULL,
    change bigint NOT NULL,
    at timestamptz NOT NULL,
    long boolean NOT NULL
);
CREATE INDEX holds_from ON holds (from_day, unit, to_day, type);
CREATE INDEX holds_long ON holds (to_day, from_day, unit, type) WHERE long;

CREATE TABLE days (
    unit text NOT NULL,
    day date NOT NULL,
    hold bigint NOT NULL,
    PRIMARY KEY (unit, day)
);

CREATE TABLE changes (
    number bigint PRIMARY KEY,
    unit text NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    type text NOT NULL,
    origin text NOT NULL,
    actor text NOT NULL,
    ref text NOT NULL,
    note text NOT NULL,
    at timestamptz NOT NULL,
    before text NOT NULL,
    undoes bigint NOT NULL,
    key text,
    request text
);
CREATE INDEX changes_unit ON changes (unit, number);
CREATE UNIQUE INDEX changes_key ON changes (actor, key) WHERE key IS NOT NULL;

CREATE TABLE outbox (
    change bigint NOT NULL,
    kind text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (change, kind)
);
