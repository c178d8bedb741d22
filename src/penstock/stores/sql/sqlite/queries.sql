-- The statements of the SQLite store by name. {table} stands for runs or queued, {columns} for what a row holds.

-- name: last_sequence
-- 0 for a run without a log.
SELECT coalesce(max(sequence), 0) FROM events WHERE run = ?

-- name: append
-- One event; its number is the caller's word.
INSERT INTO events (run, sequence, at, kind, step, item, body) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: append_first
-- The first event of an append, parameters (run, run, expected last sequence, sequence, at, kind, step, item, body). Where
-- the log does not end there the number is NULL, which the table refuses: one look into the index about to be written anyway.
INSERT INTO events (run, sequence, at, kind, step, item, body) VALUES
(?, CASE WHEN coalesce((SELECT max(sequence) FROM events WHERE run = ?), 0) = ? THEN ? END, ?, ?, ?, ?, ?)

-- name: read_events
SELECT sequence, at, kind, step, item, body FROM events WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?

-- name: floor
-- The first event a log still has.
SELECT min(sequence) FROM events WHERE run = ?

-- name: follow
-- Rows of run '' keep the place of pruned ones.
SELECT position, run, sequence, at, kind, step, item, body FROM events
WHERE position > ? AND run <> '' ORDER BY position LIMIT ?

-- name: find_key
SELECT digest FROM keys WHERE run = ? AND kind = 'change' AND key = ?

-- name: write_key
INSERT INTO keys (run, kind, key, digest) VALUES (?, 'change', ?, ?)

-- name: write_letter_key
-- Writes nothing where the letter was seen before.
INSERT OR IGNORE INTO keys (run, kind, key, digest) VALUES (?, 'letter', ?, '')

-- name: number_letter
-- The next number of a run that has a row.
UPDATE runs SET inbox = inbox + 1 WHERE id = ? RETURNING inbox, owner

-- name: number_early_letter
-- The next number of a run that has none.
INSERT INTO inboxes (run, newest) VALUES (?, 1) ON CONFLICT (run) DO UPDATE SET newest = newest + 1 RETURNING newest

-- name: keep_inbox
-- Before a run's row goes: no number of a letter is given twice.
INSERT OR REPLACE INTO inboxes (run, newest) SELECT id, inbox FROM runs WHERE id = ? AND inbox > 0

-- name: write_letter
INSERT INTO letters (run, number, at, kind, name, body, sender, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: take_letters
DELETE FROM letters WHERE run = ? AND number <= ?

-- name: inbox
SELECT number, at, kind, name, body, sender, key FROM letters WHERE run = ? AND number > ? ORDER BY number

-- name: next_rank
UPDATE counters SET value = value + 1 WHERE name = 'enqueued' RETURNING value

-- name: write_log
INSERT INTO logs (run, step, item, attempt, at, stream, text) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: read_logs
SELECT number, step, item, attempt, at, stream, text FROM logs WHERE run = ? AND number > ? ORDER BY number LIMIT ?

-- name: read_step_logs
SELECT number, step, item, attempt, at, stream, text FROM logs
WHERE run = ? AND number > ? AND step = ? ORDER BY number LIMIT ?

-- name: ready_queues
-- The queues in which something is ready, one look into the index each.
WITH RECURSIVE names (queue) AS (
    SELECT min(queue) FROM {table} WHERE state = 'ready'
    UNION ALL SELECT (SELECT min(queue) FROM {table} WHERE state = 'ready' AND queue > names.queue)
    FROM names WHERE names.queue IS NOT NULL
)
SELECT queue FROM names WHERE queue IS NOT NULL

-- name: candidates_ready
SELECT rank, rowid, id, gate, epoch, {begun} FROM {table}
WHERE state = 'ready' AND queue = ? AND (gate IS NULL OR gate NOT IN (SELECT value FROM json_each(?)))
ORDER BY rank LIMIT ?

-- name: candidates_due
-- Delayed rows whose time came (:wall is wall time) and leases that lapsed (:lease is lease time), of one queue or of all.
SELECT * FROM (
    SELECT rank, rowid, id, gate, epoch, {begun} FROM {table}
    WHERE state = 'delayed' AND due <= :wall AND (:queue IS NULL OR queue = :queue)
      AND (gate IS NULL OR gate NOT IN (SELECT value FROM json_each(:skip))) ORDER BY due LIMIT :limit
)
UNION ALL SELECT * FROM (
    SELECT rank, rowid, id, gate, epoch, {begun} FROM {table}
    WHERE state = 'leased' AND due <= :lease AND (:queue IS NULL OR queue = :queue)
      AND (gate IS NULL OR gate NOT IN (SELECT value FROM json_each(:skip))) ORDER BY due LIMIT :limit
)

-- name: candidates_named
-- Of the rows named in :ids those that may be claimed, idle ones too.
SELECT rank, rowid, id, gate, epoch, {begun} FROM {table}
WHERE id IN (SELECT value FROM json_each(:ids))
  AND (state IN ('ready', 'idle') OR (state = 'delayed' AND due <= :wall) OR (state = 'leased' AND due <= :lease))
  AND (:queue IS NULL OR queue = :queue) AND (gate IS NULL OR gate NOT IN (SELECT value FROM json_each(:skip)))

-- name: lease
UPDATE {table} SET state = 'leased', owner = ?, due = ?, epoch = epoch + 1, updated = ?
WHERE rowid IN (SELECT value FROM json_each(?)) RETURNING {columns}

-- name: held_gates
-- Leases that stand, a gate.
SELECT gate, count(*) FROM {table}
WHERE state = 'leased' AND gate IS NOT NULL AND due > ? GROUP BY gate

-- name: shut_gates
SELECT substr(id, 6) FROM documents WHERE kind = 'gate' AND substr(id, 1, 5) = 'gate:' AND json_extract(data, '$.shut')

-- name: extend
UPDATE {table} SET due = :due
WHERE id IN (SELECT json_extract(value, '$[0]') FROM json_each(:held)) AND state = 'leased'
  AND (id, epoch) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:held))
RETURNING id

-- name: any_ready
SELECT 1 FROM {table} WHERE state = 'ready' AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues))) LIMIT 1

-- name: first_delayed
SELECT due FROM {table} WHERE state = 'delayed' AND due IS NOT NULL
AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues))) ORDER BY due LIMIT 1

-- name: first_lapse
SELECT due FROM {table} WHERE state = 'leased' AND due IS NOT NULL
AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues))) ORDER BY due LIMIT 1

-- name: boot_origin
SELECT origin FROM boots WHERE id = ?

-- name: write_boot
INSERT INTO boots (id, origin) VALUES (?, ?)

-- name: lapse_all
-- After a boot no lease of the boot before stands.
UPDATE {table} SET due = 0 WHERE state = 'leased'

-- name: standing_leases
SELECT id, owner FROM runs WHERE state = 'leased' AND due > ?

-- name: quick_check
PRAGMA quick_check(20)

-- name: schema_version
PRAGMA user_version

-- name: page_size
PRAGMA page_size

-- name: journal_mode
PRAGMA journal_mode

-- name: statuses
SELECT status, count(*) FROM runs GROUP BY status

-- name: newest_event_at
SELECT at FROM events WHERE run <> '' ORDER BY position DESC LIMIT 1

-- name: logs_with_holes
SELECT run, min(sequence), max(sequence), count(*) FROM events WHERE run <> ''
GROUP BY run HAVING max(sequence) - min(sequence) + 1 <> count(*)

-- name: wrong_inboxes
SELECT id, inbox, newest FROM runs JOIN (SELECT run, max(number) AS newest FROM letters GROUP BY run) ON id = run
WHERE inbox < newest

-- name: wrong_leases
SELECT 'runs', id FROM runs WHERE state = 'leased' AND (owner IS NULL OR due IS NULL)
UNION ALL SELECT 'queued', id FROM queued WHERE state = 'leased' AND (owner IS NULL OR due IS NULL)

-- name: finished_of
SELECT id FROM runs
WHERE id IN (SELECT value FROM json_each(?)) AND status IN (SELECT value FROM json_each(?))

-- name: any_blob
SELECT 1 FROM blobs LIMIT 1

-- name: texts_of
-- Whatever may name a blob of these runs and documents.
SELECT body FROM events WHERE run IN (SELECT value FROM json_each(:runs))
UNION ALL SELECT body FROM letters WHERE run IN (SELECT value FROM json_each(:runs))
UNION ALL SELECT data FROM runs WHERE id IN (SELECT value FROM json_each(:runs)) AND typeof(data) = 'text'
UNION ALL SELECT data FROM queued WHERE run IS NOT NULL AND run IN (SELECT value FROM json_each(:runs)) AND typeof(data) = 'text'
UNION ALL SELECT data FROM documents WHERE id IN (SELECT value FROM json_each(:documents)) AND typeof(data) = 'text'

-- name: blobs_among
SELECT id FROM blobs WHERE id IN (SELECT value FROM json_each(?))

-- name: bodies_after
-- Events of all runs but these.
SELECT position, body FROM events
WHERE position > ? AND run NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?

-- name: texts_since
-- Whatever may name a blob and was not read before the transaction.
SELECT body FROM events WHERE position > ?
UNION ALL SELECT body FROM letters UNION ALL SELECT data FROM runs
UNION ALL SELECT data FROM queued UNION ALL SELECT data FROM documents

-- name: keep_place
-- Positions are not given twice, or followers would miss events: where the newest event goes, an empty one keeps its place.
INSERT INTO events (run, sequence, at, kind, body)
SELECT '', position + 1, at, 'pruned', '' FROM events
WHERE position = (SELECT max(position) FROM events) AND run IN (SELECT value FROM json_each(?))

-- name: keep_inboxes
INSERT OR REPLACE INTO inboxes (run, newest)
SELECT id, inbox FROM runs WHERE inbox > 0 AND id IN (SELECT value FROM json_each(?))

-- name: delete_events
DELETE FROM events WHERE run IN (SELECT value FROM json_each(?))

-- name: delete_letters
DELETE FROM letters WHERE run IN (SELECT value FROM json_each(?))

-- name: delete_queued
DELETE FROM queued WHERE run IS NOT NULL AND run IN (SELECT value FROM json_each(?))

-- name: delete_logs
DELETE FROM logs WHERE run IN (SELECT value FROM json_each(?))

-- name: delete_runs
DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))

-- name: delete_documents
DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))

-- name: delete_blobs
DELETE FROM blobs WHERE id IN (SELECT value FROM json_each(?))
