-- A database as the first release writes it. It stays as it is: what a later release changes in its tables it must bring this one to.
PRAGMA user_version = 1;
CREATE TABLE documents (bucket TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, metadata TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (bucket, name)) WITHOUT ROWID;
CREATE TABLE generations (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
CREATE TABLE deliveries (
	id INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL, message_id TEXT NOT NULL, data BLOB, attributes TEXT NOT NULL,
	ordering_key TEXT NOT NULL, published TEXT NOT NULL, expires INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (subscription, due);
CREATE TABLE dead_letters (
	id INTEGER PRIMARY KEY, subscription TEXT NOT NULL, message_id TEXT NOT NULL, data BLOB, attributes TEXT NOT NULL,
	ordering_key TEXT NOT NULL, published TEXT NOT NULL, attempt INTEGER NOT NULL, reason TEXT NOT NULL, died INTEGER NOT NULL
);
CREATE TABLE records (owner TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (owner, key)) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO documents VALUES ('state', 'rooms/blue.json', 41, '{"owner":"blue"}', CAST('{"shown":"Réunion"}' AS BLOB));
INSERT INTO generations VALUES (1, 41);
INSERT INTO deliveries VALUES (7, 's', '00112233aabbccdd', CAST('{"room_name":"blue"}' AS BLOB), '{"kind":"poll"}', 'blue', '2026-03-02T09:00:00.5Z', 9999999999999, 3, 1772442000000);
INSERT INTO dead_letters VALUES (5, 's', 'ffee', CAST('x' AS BLOB), '{"a":"b"}', '', '2026-03-01T09:00:00Z', 20, 'the function answered 503', 1772355600000);
INSERT INTO records VALUES ('calendar', 'event1', CAST('{}' AS BLOB));
INSERT INTO settings VALUES ('office', 'real');
