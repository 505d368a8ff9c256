-- The data model. docs/architecture.md, "Where the data lies", says why it is cut like this.
--
-- Ids made by the server are the 16 bytes of a UUIDv7; ids that a caller may choose are text, and
-- unique within their organization. Moments are milliseconds since the Unix epoch, lengths are
-- milliseconds. JSON is text in the shapes of windlass-records. What is sealed is a blob.
-- No index holds a status, and no index predicate names one: a transition rewrites no index.

CREATE TABLE organization (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    environment TEXT NOT NULL,
    suspended INTEGER NOT NULL,
    -- The sequence of its latest event; the last thing that a transaction changes.
    event_sequence INTEGER NOT NULL,
    -- How many of its runs are queued; changes with the sequence.
    queued INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    CONSTRAINT organization_key PRIMARY KEY (id),
    CONSTRAINT organization_name UNIQUE (name),
    CONSTRAINT organization_id_length CHECK (length(id) = 16)
) WITHOUT ROWID;

CREATE TABLE api_key (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    scope TEXT NOT NULL,
    hash BLOB NOT NULL,
    hint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER,
    CONSTRAINT api_key_key PRIMARY KEY (id),
    CONSTRAINT api_key_hash UNIQUE (hash),
    CONSTRAINT api_key_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
) WITHOUT ROWID;

-- A token for a browser page. Its credential is one that it may make, and need not be there.
CREATE TABLE token (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    credential_id BLOB NOT NULL,
    source_id TEXT,
    external_id TEXT,
    task_id TEXT,
    run_id BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT token_id PRIMARY KEY (id),
    CONSTRAINT token_hash UNIQUE (hash),
    CONSTRAINT token_issued_with FOREIGN KEY (key_id) REFERENCES api_key (id)
) WITHOUT ROWID;

CREATE INDEX token_by_end ON token (organization_id, expires_at);

CREATE TABLE data_key (
    organization_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    -- From when on values are sealed with it; it opens them before, so that all know it by then.
    seals_from INTEGER NOT NULL,
    CONSTRAINT data_key_key PRIMARY KEY (organization_id, version),
    CONSTRAINT data_key_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
) WITHOUT ROWID;

CREATE TABLE canary (
    id INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    CONSTRAINT canary_key PRIMARY KEY (id),
    CONSTRAINT canary_alone CHECK (id = 1)
);

CREATE TABLE agent (
    organization_id BLOB NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT agent_key PRIMARY KEY (organization_id, id)
) WITHOUT ROWID;

CREATE INDEX agent_by_creation ON agent (organization_id, created_at, id);

CREATE TABLE source (
    organization_id BLOB NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    url TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT source_key PRIMARY KEY (organization_id, id)
) WITHOUT ROWID;

CREATE INDEX source_by_creation ON source (organization_id, created_at, id);

-- Stays after its source is gone: a deleted credential is still listed.
CREATE TABLE credential (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    source_id TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    external_id TEXT,
    status TEXT NOT NULL,
    -- Sealed as credential.summary, credential.secret and credential.login (what the source knows
    -- the person by who is logged in); null once it is deleted.
    summary BLOB,
    secret BLOB,
    login BLOB,
    -- Counts what secrets it has had, up from 1.
    secrets_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT credential_key PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE INDEX credential_by_organization ON credential (organization_id, id);
CREATE INDEX credential_by_source ON credential (organization_id, source_id, id);

-- The newest version of each task that is not deleted.
CREATE TABLE task (
    organization_id BLOB NOT NULL,
    id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT task_key PRIMARY KEY (organization_id, id),
    CONSTRAINT task_agent FOREIGN KEY (organization_id, agent_id)
        REFERENCES agent (organization_id, id),
    CONSTRAINT task_newest_version FOREIGN KEY (organization_id, id, version)
        REFERENCES task_version (organization_id, task_id, version)
) WITHOUT ROWID;

CREATE INDEX task_by_creation ON task (organization_id, created_at, id);
CREATE INDEX task_by_agent ON task (organization_id, agent_id, created_at, id);

-- Written once. Stays as long as runs that started with it, also where the task is deleted.
CREATE TABLE task_version (
    organization_id BLOB NOT NULL,
    task_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    prompt TEXT,
    status TEXT NOT NULL,
    input_schema TEXT,
    output_schema TEXT,
    storage TEXT,
    settings TEXT NOT NULL,
    -- Of the task, and of this version.
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT task_version_key PRIMARY KEY (organization_id, task_id, version)
) WITHOUT ROWID;

CREATE TABLE playbook (
    organization_id BLOB NOT NULL,
    task_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT playbook_key PRIMARY KEY (organization_id, task_id, source_id),
    CONSTRAINT playbook_task FOREIGN KEY (organization_id, task_id)
        REFERENCES task (organization_id, id),
    CONSTRAINT playbook_source FOREIGN KEY (organization_id, source_id)
        REFERENCES source (organization_id, id),
    CONSTRAINT playbook_newest_version FOREIGN KEY (organization_id, task_id, source_id, version)
        REFERENCES playbook_version (organization_id, task_id, source_id, version)
) WITHOUT ROWID;

CREATE INDEX playbook_by_source ON playbook (organization_id, source_id);

-- Written once. Stays as long as its task and the runs that started with it, also where the
-- playbook is deleted.
CREATE TABLE playbook_version (
    organization_id BLOB NOT NULL,
    task_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT playbook_version_key PRIMARY KEY (organization_id, task_id, source_id, version)
) WITHOUT ROWID;

CREATE TABLE worker (
    id BLOB NOT NULL,
    -- Null is an embedded worker, which works for every organization.
    organization_id BLOB,
    name TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    draining INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    -- How many lease calls have brought its latest start runs.
    brought INTEGER NOT NULL,
    -- What the worker calls its latest starts, each with its number, so that one said again is known.
    starts TEXT NOT NULL,
    CONSTRAINT worker_key PRIMARY KEY (id)
) WITHOUT ROWID;

-- Over an expression, since nulls are never equal in a plain unique index.
CREATE UNIQUE INDEX worker_name ON worker (ifnull(organization_id, x''), name);

CREATE TABLE session (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    credential_id BLOB,
    source_id TEXT,
    -- Where its runs wait.
    pool TEXT NOT NULL,
    status TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The worker that has it, where one has.
    worker_id BLOB,
    incarnation INTEGER,
    version INTEGER NOT NULL,
    runtime_ms INTEGER NOT NULL,
    -- When its idle clock runs out.
    check_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT session_key PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE INDEX session_by_organization ON session (organization_id, id);
CREATE INDEX session_by_worker ON session (worker_id, incarnation) WHERE worker_id IS NOT NULL;
CREATE INDEX session_check_at ON session (check_at) WHERE check_at IS NOT NULL;

-- A run's facts, narrow; they stay for as long as the run is kept. Its settings are those of its
-- task version.
CREATE TABLE run (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    opened_session INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    task_version INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    source_id TEXT,
    credential_id BLOB,
    playbook_version INTEGER,
    pool TEXT NOT NULL,
    metadata TEXT NOT NULL,
    trace_parent TEXT,
    created_at INTEGER NOT NULL,
    -- From here on, what a transition changes.
    status TEXT NOT NULL,
    result TEXT,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    runtime_ms INTEGER NOT NULL,
    finished_epoch INTEGER,
    finished_digest BLOB,
    updated_at INTEGER NOT NULL,
    CONSTRAINT run_key PRIMARY KEY (id),
    CONSTRAINT run_session FOREIGN KEY (session_id) REFERENCES session (id)
) WITHOUT ROWID;

CREATE INDEX run_by_organization ON run (organization_id, id);
CREATE INDEX run_by_task ON run (organization_id, task_id, id);
CREATE INDEX run_by_credential ON run (organization_id, credential_id, id)
    WHERE credential_id IS NOT NULL;
CREATE INDEX run_by_session ON run (session_id, id);

-- Written once each, and apart: a transition must not rewrite them.
CREATE TABLE run_input (
    run_id BLOB NOT NULL,
    -- Sealed as run.input.
    input BLOB NOT NULL,
    CONSTRAINT run_input_key PRIMARY KEY (run_id)
) WITHOUT ROWID;

CREATE TABLE run_output (
    run_id BLOB NOT NULL,
    output TEXT NOT NULL,
    CONSTRAINT run_output_key PRIMARY KEY (run_id)
) WITHOUT ROWID;

-- A run that is not final has a row in exactly one of queue, parked, live and review, whose
-- check_at is never later than its earliest deadline.

-- A run that may be leased.
CREATE TABLE queue (
    run_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    pool TEXT NOT NULL,
    -- The start of a worker that keeps the run's session and alone may take it: the worker's id
    -- and the number of the start. Empty where any worker may.
    held_by BLOB NOT NULL,
    priority INTEGER NOT NULL,
    session_id BLOB NOT NULL,
    check_at INTEGER NOT NULL,
    CONSTRAINT queue_key PRIMARY KEY (run_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX queue_by_turn
    ON queue (pool, held_by, organization_id, priority DESC, run_id);
CREATE INDEX queue_by_session ON queue (session_id);
CREATE INDEX queue_check_at ON queue (check_at);

-- A run that waits for a slot: of its session, credential, source or organization.
CREATE TABLE parked (
    run_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    -- What it waits for: the kind of slot, and whose, as the text of its id.
    slot TEXT NOT NULL,
    slot_of TEXT NOT NULL,
    pool TEXT NOT NULL,
    -- As in queue, where it goes from here; empty where it waits for its session.
    held_by BLOB NOT NULL,
    priority INTEGER NOT NULL,
    session_id BLOB NOT NULL,
    check_at INTEGER NOT NULL,
    CONSTRAINT parked_key PRIMARY KEY (run_id)
) WITHOUT ROWID;

CREATE INDEX parked_by_slot ON parked (organization_id, slot, slot_of, priority DESC, run_id);
CREATE INDEX parked_by_session ON parked (session_id, slot, priority DESC, run_id);
CREATE INDEX parked_check_at ON parked (check_at);

-- How many slots are taken: by runs in queue and live, and by those in parked that wait for a later
-- kind of slot.
CREATE TABLE gate (
    organization_id BLOB NOT NULL,
    slot TEXT NOT NULL,
    slot_of TEXT NOT NULL,
    taken INTEGER NOT NULL,
    CONSTRAINT gate_key PRIMARY KEY (organization_id, slot, slot_of)
) WITHOUT ROWID;

-- A run that a worker holds. Renewals and touches write the last two columns, which no index has.
CREATE TABLE live (
    run_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    worker_id BLOB NOT NULL,
    incarnation INTEGER NOT NULL,
    session_id BLOB NOT NULL,
    check_at INTEGER NOT NULL,
    lease_expires_at INTEGER NOT NULL,
    active_at INTEGER,
    CONSTRAINT live_key PRIMARY KEY (run_id)
) WITHOUT ROWID;

CREATE INDEX live_by_worker ON live (worker_id, organization_id);
CREATE INDEX live_by_session ON live (session_id);
CREATE INDEX live_check_at ON live (check_at);

-- A run whose output waits for a review; without a review timeout nothing checks it.
CREATE TABLE review (
    run_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    check_at INTEGER,
    CONSTRAINT review_key PRIMARY KEY (run_id)
) WITHOUT ROWID;

CREATE INDEX review_by_organization ON review (organization_id, run_id);
CREATE INDEX review_by_session ON review (session_id);
CREATE INDEX review_check_at ON review (check_at) WHERE check_at IS NOT NULL;

-- What an agent said and did, beside the events: they, the files and the screenshots are
-- joined when it is read.
CREATE TABLE timeline (
    run_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT,
    step INTEGER,
    CONSTRAINT timeline_key PRIMARY KEY (run_id, line)
) WITHOUT ROWID;

CREATE TABLE file (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    run_id BLOB NOT NULL,
    -- Of its run, for the filters of its list.
    task_id TEXT NOT NULL,
    source_id TEXT,
    file_name TEXT NOT NULL,
    file_type TEXT NOT NULL,
    file_size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    metadata TEXT,
    extraction TEXT,
    extraction_failed INTEGER NOT NULL,
    -- Of the fields that its task compares.
    fields_sha256 BLOB,
    created_at INTEGER NOT NULL,
    expired_at INTEGER,
    CONSTRAINT file_key PRIMARY KEY (id)
) WITHOUT ROWID;

-- The oldest whose content is still there.
CREATE INDEX file_by_age ON file (id) WHERE expired_at IS NULL;
CREATE INDEX file_by_organization ON file (organization_id, id);
CREATE INDEX file_by_run ON file (run_id, id);
-- What a task that drops files of earlier runs compares.
CREATE INDEX file_by_content ON file (organization_id, task_id, sha256);
CREATE INDEX file_by_fields ON file (organization_id, task_id, fields_sha256)
    WHERE fields_sha256 IS NOT NULL;
CREATE INDEX file_by_task ON file (organization_id, task_id, id);

CREATE TABLE screenshot (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    run_id BLOB NOT NULL,
    file_name TEXT NOT NULL,
    file_type TEXT NOT NULL,
    file_size INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    reasoning TEXT,
    step INTEGER,
    sha256 BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expired_at INTEGER,
    CONSTRAINT screenshot_key PRIMARY KEY (id)
) WITHOUT ROWID;

-- The oldest whose content is still there.
CREATE INDEX screenshot_by_age ON screenshot (id) WHERE expired_at IS NULL;
CREATE INDEX screenshot_by_run ON screenshot (run_id, id);

-- Narrow where there are many: what cannot change of a run, a session or a file is read from its
-- row when the event is shown. Of what can change or vanish, detail keeps a summary.
CREATE TABLE event (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- The run that it is about, by itself or by its file.
    run_id BLOB,
    session_id BLOB,
    file_id BLOB,
    -- Of the run or session, at that moment.
    version INTEGER,
    runtime_ms INTEGER,
    detail TEXT,
    CONSTRAINT event_key PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX event_sequence ON event (organization_id, sequence);
CREATE INDEX event_by_organization ON event (organization_id, id);
CREATE INDEX event_by_run ON event (run_id, id) WHERE run_id IS NOT NULL;

CREATE TABLE destination (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    events TEXT NOT NULL,
    type TEXT NOT NULL,
    configuration TEXT NOT NULL,
    -- Sealed as webhook.secret and webhook.headers.
    secret BLOB,
    headers BLOB,
    -- Since when and how often its attempts fail; null and 0 where the last succeeded.
    failing_since INTEGER,
    failed_attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT destination_key PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE INDEX destination_by_organization ON destination (organization_id, id);

-- A destination that was deleted, for as long as there is something that was not delivered to it.
CREATE TABLE deleted_destination (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    CONSTRAINT deleted_destination_key PRIMARY KEY (id)
) WITHOUT ROWID;

-- One event to one destination, written with the event.
CREATE TABLE delivery (
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    event_type TEXT NOT NULL,
    destination_id BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    -- One of the three says how it stands: it will be tried, it was taken, no attempt is left.
    next_attempt_at INTEGER,
    delivered_at INTEGER,
    parked_until INTEGER,
    trace_parent TEXT,
    created_at INTEGER NOT NULL,
    CONSTRAINT delivery_key PRIMARY KEY (id),
    CONSTRAINT delivery_state CHECK (
        (next_attempt_at IS NOT NULL) + (delivered_at IS NOT NULL) + (parked_until IS NOT NULL) = 1
    )
) WITHOUT ROWID;

CREATE INDEX delivery_due ON delivery (destination_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_parked ON delivery (destination_id, parked_until)
    WHERE parked_until IS NOT NULL;
CREATE INDEX delivery_by_destination ON delivery (destination_id, id);

CREATE TABLE delivery_attempt (
    delivery_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    status_code INTEGER,
    duration_ms INTEGER NOT NULL,
    error TEXT,
    retry_after_ms INTEGER,
    CONSTRAINT delivery_attempt_key PRIMARY KEY (delivery_id, number)
) WITHOUT ROWID;

-- The first success of a request, for as long as its idempotency key is remembered.
CREATE TABLE idempotency (
    organization_id BLOB NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    -- The answer's body, sealed.
    answer BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (organization_id, method, path, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_expires_at ON idempotency (expires_at);

-- Who changed what, when, by which request and from where. Changes by workers and clocks are events
-- instead. Written with the change, and moved into the chain within a second.
CREATE TABLE unlinked_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    -- The id of the key that a caller showed, or `operator`.
    actor TEXT NOT NULL,
    request_id BLOB NOT NULL,
    -- Where a caller's request came from; the name of an operator's machine.
    address TEXT,
    action TEXT NOT NULL,
    -- The id of what was changed, as text.
    subject TEXT NOT NULL
);

CREATE INDEX unlinked_audit_by_organization ON unlinked_audit (organization_id, id);

-- The same as links of the organization's chain: written once, never changed. docs/security.md.
CREATE TABLE audit (
    organization_id BLOB NOT NULL,
    -- Counts from 1, without a gap.
    position INTEGER NOT NULL,
    -- SHA-256 over the link before and this entry.
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    request_id BLOB NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    CONSTRAINT audit_key PRIMARY KEY (organization_id, position)
) WITHOUT ROWID;

-- The last link of each chain, sealed as audit.head.
CREATE TABLE audit_head (
    organization_id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    CONSTRAINT audit_head_key PRIMARY KEY (organization_id)
) WITHOUT ROWID;
