-- +goose Up
ALTER TABLE owners ADD COLUMN epoch bigint NOT NULL DEFAULT 1;
ALTER TABLE units ADD COLUMN state text;
ALTER TABLE units ADD COLUMN seen timestamptz;
CREATE INDEX units_owner ON units (owner);
CREATE INDEX units_site ON units (site);

CREATE TABLE states (
    entry bigserial PRIMARY KEY,
    unit text NOT NULL REFERENCES units (unit),
    was text NOT NULL,
    state text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX states_unit ON states (unit, entry);

CREATE TABLE links (
    link text PRIMARY KEY,
    kind text NOT NULL,
    owner bigint,
    asked text NOT NULL,
    at timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    sent timestamptz,
    used timestamptz
);
CREATE INDEX links_asked ON links (asked, at);
CREATE INDEX links_ends ON links (ends);

UPDATE ledger_schema SET version = 3;
