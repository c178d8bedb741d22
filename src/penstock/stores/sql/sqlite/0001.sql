-- The first schema. Times are seconds since 1970 UTC. A column without a type gives back whatever was put. Applied files are never edited: what changes comes in the next number.

-- One row a run, written when its state changes, not for every step.
--   status: pending running paused completed failed cancelled          what the run is
--   state:  ready delayed leased idle done                             whether it may be claimed
--   due:    when a delayed row may be claimed (wall time), when a lease lapses (see table boots)
--   rank:   the order of claims, smallest first          epoch: leases granted so far          inbox: its newest letter
CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL, workflow TEXT, status TEXT NOT NULL DEFAULT 'pending',
    state TEXT NOT NULL DEFAULT 'idle', queue TEXT NOT NULL DEFAULT 'default', rank INTEGER NOT NULL DEFAULT 0,
    due REAL, owner TEXT, epoch INTEGER NOT NULL DEFAULT 0, inbox INTEGER NOT NULL DEFAULT 0, gate TEXT,
    tags TEXT, data, created REAL NOT NULL, updated REAL NOT NULL
);
-- Completed runs, nearly all in an old store, are in no index of their own: an entry more would cost every run its share.
CREATE INDEX runs_open ON runs (status) WHERE status <> 'completed';
CREATE INDEX runs_ready ON runs (queue, rank) WHERE state = 'ready';
CREATE INDEX runs_delayed ON runs (due) WHERE state = 'delayed';
CREATE INDEX runs_leased ON runs (due) WHERE state = 'leased';
CREATE INDEX runs_held ON runs (gate) WHERE state = 'leased' AND gate IS NOT NULL;

-- The work queue. Its claim columns mean what they mean in runs.
CREATE TABLE queued (
    id TEXT PRIMARY KEY NOT NULL, run TEXT, step TEXT,
    state TEXT NOT NULL DEFAULT 'idle', queue TEXT NOT NULL DEFAULT 'default', rank INTEGER NOT NULL DEFAULT 0,
    due REAL, owner TEXT, epoch INTEGER NOT NULL DEFAULT 0, inbox INTEGER NOT NULL DEFAULT 0, gate TEXT,
    data, created REAL NOT NULL, updated REAL NOT NULL
);
CREATE INDEX queued_by_run ON queued (run) WHERE run IS NOT NULL;
CREATE INDEX queued_ready ON queued (queue, rank) WHERE state = 'ready';
CREATE INDEX queued_delayed ON queued (due) WHERE state = 'delayed';
CREATE INDEX queued_leased ON queued (due) WHERE state = 'leased';
CREATE INDEX queued_held ON queued (gate) WHERE state = 'leased' AND gate IS NOT NULL;

-- Every run's log. position is the order of commits; (run, sequence) is what keeps two owners of a run apart.
-- NOT NULL on sequence is part of the rule: an append that does not go on where the log ends has no number to give.
CREATE TABLE events (
    position INTEGER PRIMARY KEY, run TEXT NOT NULL, sequence INTEGER NOT NULL, at REAL NOT NULL,
    kind TEXT NOT NULL, step TEXT, item INTEGER, body TEXT NOT NULL
);
CREATE UNIQUE INDEX events_by_run ON events (run, sequence);

-- Idempotency keys: kind 'change' with the content's digest, kind 'letter' for letters. They outlive their run.
CREATE TABLE keys (
    run TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (run, kind, key)
) WITHOUT ROWID;

-- Commands and signals that wait for a run; numbered for each run from 1, no number is given twice.
CREATE TABLE letters (
    run TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    body TEXT NOT NULL, sender TEXT NOT NULL, key TEXT, PRIMARY KEY (run, number)
) WITHOUT ROWID;

-- The newest letter's number of runs that have no row (yet, or any more); else runs.inbox holds it.
CREATE TABLE inboxes (run TEXT PRIMARY KEY NOT NULL, newest INTEGER NOT NULL) WITHOUT ROWID;

-- Definitions, nodes, offsets, snapshots; a gate is shut by a row gate:NAME of kind gate with data {"shut": true}.
CREATE TABLE documents (
    id TEXT PRIMARY KEY NOT NULL, kind TEXT, version, data, created REAL NOT NULL, updated REAL NOT NULL
);
CREATE INDEX documents_by_kind ON documents (kind);

-- Values over 64 KiB under the digest of their content; a text that needs one holds that digest.
CREATE TABLE blobs (id TEXT PRIMARY KEY NOT NULL, data, created REAL NOT NULL);

-- What steps printed.
CREATE TABLE logs (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL, step TEXT NOT NULL, item INTEGER, attempt INTEGER NOT NULL,
    at REAL NOT NULL, stream TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX logs_by_run ON logs (run);

-- enqueued: how often a row was put with a rank of its own (rank = this number - what its priority is worth).
CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('enqueued', 0);

-- Leases are timed by the clock that counts from boot, sleep included, so that setting the wall clock breaks none.
-- origin is the wall time of that clock's zero when a process of this boot first opened the store; a lease's due is
-- origin + seconds since boot. Leases of an earlier boot were lapsed (due = 0) at that moment.
CREATE TABLE boots (id TEXT PRIMARY KEY NOT NULL, origin REAL NOT NULL) WITHOUT ROWID;

-- The latest word on each step that has an event. Waiting for others and ready are in nobody's log.
CREATE VIEW steps (run, step, item, status, attempt, started_at, ended_at, sequence, at, kind, body) AS
SELECT run, step, item,
       CASE kind WHEN 'step_started' THEN 'running' WHEN 'opened' THEN 'running' WHEN 'step_done' THEN 'completed'
                 WHEN 'step_failed' THEN CASE WHEN json_extract(body, '$.retry_at') IS NULL THEN 'failed' ELSE 'waiting' END
                 ELSE substr(kind, 6) END,
       attempt, started_at,
       CASE WHEN kind NOT IN ('step_started', 'opened') THEN at END,
       sequence, at, kind, body
FROM (
    SELECT run, step, item, sequence, at, kind, body,
           count(*) FILTER (WHERE kind = 'step_started') OVER whole AS attempt,
           max(at) FILTER (WHERE kind = 'step_started') OVER whole AS started_at,
           max(sequence) OVER whole AS newest
    FROM events
    WHERE kind IN ('step_started', 'step_done', 'step_failed', 'step_skipped', 'step_cancelled', 'step_reused', 'opened')
    WINDOW whole AS (PARTITION BY run, step, item)
)
WHERE sequence = newest;

-- The latest row of each step's name over all runs, as people know it who ran tasks by name.
CREATE VIEW tasks (task_name, status, run, attempt, started_at, ended_at, updated_at) AS
SELECT step,
       CASE status WHEN 'reused' THEN 'COMPLETED' WHEN 'waiting' THEN 'PENDING' ELSE upper(status) END,
       run, attempt, started_at, ended_at, at
FROM (SELECT *, row_number() OVER (PARTITION BY step ORDER BY at DESC, sequence DESC) AS age FROM steps WHERE item IS NULL)
WHERE age = 1;

-- Who may act on what, until when.
CREATE VIEW leases (tab, id, owner, epoch, due) AS
SELECT 'runs', id, owner, epoch, due FROM runs WHERE state = 'leased'
UNION ALL SELECT 'queued', id, owner, epoch, due FROM queued WHERE state = 'leased';

-- What sleeps, until when.
CREATE VIEW timers (tab, id, queue, due) AS
SELECT 'runs', id, queue, due FROM runs WHERE state = 'delayed'
UNION ALL SELECT 'queued', id, queue, due FROM queued WHERE state = 'delayed';
