-- The data model. docs/architecture.md, "Where the data lies", says why it is cut like this.
--
-- Ids made by the server are UUIDv7; ids that a caller may choose are text, and unique within their
-- organization. Texts that are compared have the collation C: they sort as bytes, whatever the
-- database's own. Moments are milliseconds since the Unix epoch, lengths are milliseconds. JSON is
-- text in the shapes of windlass-records. What is sealed is bytea.
-- No index holds a status, and no index predicate names one: a transition rewrites no index. The
-- fill factors leave room on the page for the row's next states, which then need no index entry.

CREATE TABLE organization (
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    environment text NOT NULL,
    suspended boolean NOT NULL,
    -- The sequence of its latest event; the last thing that a transaction changes.
    event_sequence bigint NOT NULL,
    -- How many of its runs are queued; changes with the sequence.
    queued bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    CONSTRAINT organization_key PRIMARY KEY (id),
    CONSTRAINT organization_name UNIQUE (name)
) WITH (fillfactor = 10);

CREATE TABLE api_key (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    scope text NOT NULL,
    hash bytea NOT NULL,
    hint text NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint,
    expires_at bigint,
    revoked_at bigint,
    CONSTRAINT api_key_key PRIMARY KEY (id),
    CONSTRAINT api_key_hash UNIQUE (hash),
    CONSTRAINT api_key_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
);

-- A token for a browser page. Its credential is one that it may make, and need not be there.
CREATE TABLE token (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    key_id uuid NOT NULL,
    hash bytea NOT NULL,
    credential_id uuid NOT NULL,
    source_id text,
    external_id text,
    task_id text,
    run_id uuid,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    CONSTRAINT token_id PRIMARY KEY (id),
    CONSTRAINT token_hash UNIQUE (hash),
    CONSTRAINT token_issued_with FOREIGN KEY (key_id) REFERENCES api_key (id)
);

CREATE INDEX token_by_end ON token (organization_id, expires_at);

CREATE TABLE data_key (
    organization_id uuid NOT NULL,
    version bigint NOT NULL,
    wrapped bytea NOT NULL,
    -- From when on values are sealed with it; it opens them before, so that all know it by then.
    seals_from bigint NOT NULL,
    CONSTRAINT data_key_key PRIMARY KEY (organization_id, version),
    CONSTRAINT data_key_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
);

CREATE TABLE canary (
    id bigint NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT canary_key PRIMARY KEY (id),
    CONSTRAINT canary_alone CHECK (id = 1)
);

CREATE TABLE agent (
    organization_id uuid NOT NULL,
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT agent_key PRIMARY KEY (organization_id, id)
);

CREATE INDEX agent_by_creation ON agent (organization_id, created_at, id);

CREATE TABLE source (
    organization_id uuid NOT NULL,
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    url text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT source_key PRIMARY KEY (organization_id, id)
);

CREATE INDEX source_by_creation ON source (organization_id, created_at, id);

-- Stays after its source is gone: a deleted credential is still listed.
CREATE TABLE credential (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    auth_method text NOT NULL,
    external_id text COLLATE "C",
    status text NOT NULL,
    -- Sealed as credential.summary, credential.secret and credential.login (what the source knows
    -- the person by who is logged in); null once it is deleted.
    summary bytea,
    secret bytea,
    login bytea,
    -- Counts what secrets it has had, up from 1.
    secrets_version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT credential_key PRIMARY KEY (id)
);

CREATE INDEX credential_by_organization ON credential (organization_id, id);
CREATE INDEX credential_by_source ON credential (organization_id, source_id, id);

-- Written once. Stays as long as runs that started with it, also where the task is deleted.
CREATE TABLE task_version (
    organization_id uuid NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    agent_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    prompt text,
    status text NOT NULL,
    input_schema text,
    output_schema text,
    storage text,
    settings text NOT NULL,
    -- Of the task, and of this version.
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT task_version_key PRIMARY KEY (organization_id, task_id, version)
);

-- The newest version of each task that is not deleted.
CREATE TABLE task (
    organization_id uuid NOT NULL,
    id text COLLATE "C" NOT NULL,
    agent_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT task_key PRIMARY KEY (organization_id, id),
    CONSTRAINT task_agent FOREIGN KEY (organization_id, agent_id)
        REFERENCES agent (organization_id, id),
    CONSTRAINT task_newest_version FOREIGN KEY (organization_id, id, version)
        REFERENCES task_version (organization_id, task_id, version)
);

CREATE INDEX task_by_creation ON task (organization_id, created_at, id);
CREATE INDEX task_by_agent ON task (organization_id, agent_id, created_at, id);

-- Written once. Stays as long as its task and the runs that started with it, also where the
-- playbook is deleted.
CREATE TABLE playbook_version (
    organization_id uuid NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    document text NOT NULL,
    CONSTRAINT playbook_version_key PRIMARY KEY (organization_id, task_id, source_id, version)
);

CREATE TABLE playbook (
    organization_id uuid NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT playbook_key PRIMARY KEY (organization_id, task_id, source_id),
    CONSTRAINT playbook_task FOREIGN KEY (organization_id, task_id)
        REFERENCES task (organization_id, id),
    CONSTRAINT playbook_source FOREIGN KEY (organization_id, source_id)
        REFERENCES source (organization_id, id),
    CONSTRAINT playbook_newest_version FOREIGN KEY (organization_id, task_id, source_id, version)
        REFERENCES playbook_version (organization_id, task_id, source_id, version)
);

CREATE INDEX playbook_by_source ON playbook (organization_id, source_id);

CREATE TABLE worker (
    id uuid NOT NULL,
    -- Null is an embedded worker, which works for every organization.
    organization_id uuid,
    name text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    draining boolean NOT NULL,
    last_seen_at bigint NOT NULL,
    -- How many lease calls have brought its latest start runs.
    brought bigint NOT NULL,
    -- What the worker calls its latest starts, each with its number, so that one said again is known.
    starts jsonb NOT NULL,
    CONSTRAINT worker_key PRIMARY KEY (id)
);

-- Over an expression, since nulls are never equal in a plain unique index.
CREATE UNIQUE INDEX worker_name
    ON worker (coalesce(organization_id, '00000000-0000-0000-0000-000000000000'), name);

CREATE TABLE session (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    credential_id uuid,
    source_id text COLLATE "C",
    -- Where its runs wait.
    pool text COLLATE "C" NOT NULL,
    status text NOT NULL,
    state text NOT NULL,
    -- The worker that has it, where one has.
    worker_id uuid,
    incarnation bigint,
    version bigint NOT NULL,
    runtime_ms bigint NOT NULL,
    -- When its idle clock runs out.
    check_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT session_key PRIMARY KEY (id)
) WITH (fillfactor = 45);

CREATE INDEX session_by_organization ON session (organization_id, id);
CREATE INDEX session_by_worker ON session (worker_id, incarnation) WHERE worker_id IS NOT NULL;
CREATE INDEX session_check_at ON session (check_at) WHERE check_at IS NOT NULL;

-- A run's facts, narrow; they stay for as long as the run is kept. Its settings are those of its
-- task version.
CREATE TABLE run (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    -- Refers to a session without a constraint: its check would look for runs of each session that
    -- retention drops, by an index that nothing else needs.
    session_id uuid NOT NULL,
    opened_session boolean NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    task_version bigint NOT NULL,
    agent_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C",
    credential_id uuid,
    playbook_version bigint,
    pool text COLLATE "C" NOT NULL,
    metadata text NOT NULL,
    trace_parent text,
    created_at bigint NOT NULL,
    -- From here on, what a transition changes.
    status text NOT NULL,
    result text,
    state text NOT NULL,
    version bigint NOT NULL,
    epoch bigint NOT NULL,
    attempts bigint NOT NULL,
    losses bigint NOT NULL,
    runtime_ms bigint NOT NULL,
    finished_epoch bigint,
    finished_digest bytea,
    updated_at bigint NOT NULL,
    CONSTRAINT run_key PRIMARY KEY (id)
) WITH (fillfactor = 45);

CREATE INDEX run_by_organization ON run (organization_id, id);
CREATE INDEX run_by_task ON run (organization_id, task_id, id);
CREATE INDEX run_by_credential ON run (organization_id, credential_id, id)
    WHERE credential_id IS NOT NULL;
CREATE INDEX run_by_session ON run (organization_id, session_id, id);

-- Written once each, and apart: a transition must not rewrite them.
CREATE TABLE run_input (
    run_id uuid NOT NULL,
    -- Sealed as run.input.
    input bytea NOT NULL,
    CONSTRAINT run_input_key PRIMARY KEY (run_id)
);

CREATE TABLE run_output (
    run_id uuid NOT NULL,
    output text NOT NULL,
    CONSTRAINT run_output_key PRIMARY KEY (run_id)
);

-- A run that is not final has a row in exactly one of queue, parked, live and review, whose
-- check_at is never later than its earliest deadline.

-- A run that may be leased.
CREATE TABLE queue (
    run_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    pool text COLLATE "C" NOT NULL,
    -- The start of a worker that keeps the run's session and alone may take it: the worker's id
    -- and the number of the start. Empty where any worker may.
    held_by bytea NOT NULL,
    priority bigint NOT NULL,
    session_id uuid NOT NULL,
    check_at bigint NOT NULL,
    CONSTRAINT queue_key PRIMARY KEY (run_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE UNIQUE INDEX queue_by_turn
    ON queue (pool, held_by, organization_id, priority DESC, run_id);
CREATE INDEX queue_by_session ON queue (session_id);
CREATE INDEX queue_check_at ON queue (check_at);

-- A run that waits for a slot: of its session, credential, source or organization.
CREATE TABLE parked (
    run_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    -- What it waits for: the kind of slot, and whose, as the text of its id.
    slot text COLLATE "C" NOT NULL,
    slot_of text COLLATE "C" NOT NULL,
    -- As in queue, where it goes from here; empty where it waits for its session.
    held_by bytea NOT NULL,
    pool text COLLATE "C" NOT NULL,
    priority bigint NOT NULL,
    session_id uuid NOT NULL,
    check_at bigint NOT NULL,
    CONSTRAINT parked_key PRIMARY KEY (run_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX parked_by_slot ON parked (organization_id, slot, slot_of, priority DESC, run_id);
CREATE INDEX parked_by_session ON parked (session_id, slot, priority DESC, run_id);
CREATE INDEX parked_check_at ON parked (check_at);

-- How many slots of a credential, a source or an organization are taken: by runs in queue and live,
-- and by those in parked that wait for a later kind of slot. The limits are those of the runs that
-- ask.
CREATE TABLE gate (
    organization_id uuid NOT NULL,
    slot text COLLATE "C" NOT NULL,
    slot_of text COLLATE "C" NOT NULL,
    taken bigint NOT NULL,
    CONSTRAINT gate_key PRIMARY KEY (organization_id, slot, slot_of)
) WITH (fillfactor = 50);

-- A run that a worker holds. Renewals and touches write the last two columns, which no index has.
CREATE TABLE live (
    run_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    worker_id uuid NOT NULL,
    incarnation bigint NOT NULL,
    session_id uuid NOT NULL,
    check_at bigint NOT NULL,
    lease_expires_at bigint NOT NULL,
    active_at bigint,
    CONSTRAINT live_key PRIMARY KEY (run_id)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX live_by_worker ON live (worker_id, organization_id);
CREATE INDEX live_by_session ON live (session_id);
CREATE INDEX live_check_at ON live (check_at);

-- A run whose output waits for a review; without a review timeout nothing checks it.
CREATE TABLE review (
    run_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    session_id uuid NOT NULL,
    check_at bigint,
    CONSTRAINT review_key PRIMARY KEY (run_id)
);

CREATE INDEX review_by_organization ON review (organization_id, run_id);
CREATE INDEX review_by_session ON review (session_id);
CREATE INDEX review_check_at ON review (check_at) WHERE check_at IS NOT NULL;

-- What an agent said and did, beside the events: they, the files and the screenshots are
-- joined when it is read.
CREATE TABLE timeline (
    run_id uuid NOT NULL,
    line bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    message text,
    step bigint,
    CONSTRAINT timeline_key PRIMARY KEY (run_id, line)
);

CREATE TABLE file (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    -- Of its run, for the filters of its list.
    task_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C",
    file_name text NOT NULL,
    file_type text NOT NULL,
    file_size bigint NOT NULL,
    sha256 bytea NOT NULL,
    metadata text,
    extraction text,
    extraction_failed boolean NOT NULL,
    -- Of the fields that its task compares.
    fields_sha256 bytea,
    created_at bigint NOT NULL,
    expired_at bigint,
    CONSTRAINT file_key PRIMARY KEY (id)
);

-- The oldest whose content is still there.
CREATE INDEX file_by_age ON file (id) WHERE expired_at IS NULL;
CREATE INDEX file_by_organization ON file (organization_id, id);
CREATE INDEX file_by_run ON file (organization_id, run_id, id);
-- What a task that drops files of earlier runs compares.
CREATE INDEX file_by_content ON file (organization_id, task_id, sha256);
CREATE INDEX file_by_fields ON file (organization_id, task_id, fields_sha256)
    WHERE fields_sha256 IS NOT NULL;
CREATE INDEX file_by_task ON file (organization_id, task_id, id);

CREATE TABLE screenshot (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    file_name text NOT NULL,
    file_type text NOT NULL,
    file_size bigint NOT NULL,
    width bigint,
    height bigint,
    reasoning text,
    step bigint,
    sha256 bytea NOT NULL,
    created_at bigint NOT NULL,
    expired_at bigint,
    CONSTRAINT screenshot_key PRIMARY KEY (id)
);

-- The oldest whose content is still there.
CREATE INDEX screenshot_by_age ON screenshot (id) WHERE expired_at IS NULL;
CREATE INDEX screenshot_by_run ON screenshot (organization_id, run_id, id);

-- Narrow where there are many: what cannot change of a run, a session or a file is read from its
-- row when the event is shown. Of what can change or vanish, detail keeps a summary.
CREATE TABLE event (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    created_at bigint NOT NULL,
    -- The run that it is about, by itself or by its file.
    run_id uuid,
    session_id uuid,
    file_id uuid,
    -- Of the run or session, at that moment.
    version bigint,
    runtime_ms bigint,
    detail text,
    CONSTRAINT event_key PRIMARY KEY (id)
);

CREATE UNIQUE INDEX event_sequence ON event (organization_id, sequence);
CREATE INDEX event_by_organization ON event (organization_id, id);
CREATE INDEX event_by_run ON event (organization_id, run_id, id) WHERE run_id IS NOT NULL;

CREATE TABLE destination (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    status text NOT NULL,
    events text NOT NULL,
    type text NOT NULL,
    configuration text NOT NULL,
    -- Sealed as webhook.secret and webhook.headers.
    secret bytea,
    headers bytea,
    -- Since when and how often its attempts fail; null and 0 where the last succeeded.
    failing_since bigint,
    failed_attempts bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT destination_key PRIMARY KEY (id)
);

CREATE INDEX destination_by_organization ON destination (organization_id, id);

-- A destination that was deleted, for as long as there is something that was not delivered to it.
CREATE TABLE deleted_destination (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    CONSTRAINT deleted_destination_key PRIMARY KEY (id)
);

-- One event to one destination, written with the event.
CREATE TABLE delivery (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    destination_id uuid NOT NULL,
    attempts bigint NOT NULL,
    -- One of the three says how it stands: it will be tried, it was taken, no attempt is left.
    next_attempt_at bigint,
    delivered_at bigint,
    parked_until bigint,
    trace_parent text,
    created_at bigint NOT NULL,
    CONSTRAINT delivery_key PRIMARY KEY (id),
    CONSTRAINT delivery_state CHECK (
        num_nonnulls(next_attempt_at, delivered_at, parked_until) = 1
    )
);

CREATE INDEX delivery_due ON delivery (destination_id, next_attempt_at, id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_parked ON delivery (destination_id, parked_until, id)
    WHERE parked_until IS NOT NULL;
CREATE INDEX delivery_by_destination ON delivery (destination_id, id);

CREATE TABLE delivery_attempt (
    delivery_id uuid NOT NULL,
    number bigint NOT NULL,
    at bigint NOT NULL,
    status_code bigint,
    duration_ms bigint NOT NULL,
    error text,
    retry_after_ms bigint,
    CONSTRAINT delivery_attempt_key PRIMARY KEY (delivery_id, number)
);

-- The first success of a request, for as long as its idempotency key is remembered.
CREATE TABLE idempotency (
    organization_id uuid NOT NULL,
    method text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    -- The answer's body, sealed.
    answer bytea NOT NULL,
    expires_at bigint NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (organization_id, method, path, key)
);

CREATE INDEX idempotency_expires_at ON idempotency (organization_id, expires_at);

-- Who changed what, when, by which request and from where. Changes by workers and clocks are events
-- instead. Written with the change, and moved into the chain within a second.
CREATE TABLE unlinked_audit (
    id bigint GENERATED ALWAYS AS IDENTITY,
    organization_id uuid NOT NULL,
    at bigint NOT NULL,
    -- The id of the key that a caller showed, or `operator`.
    actor text NOT NULL,
    request_id uuid NOT NULL,
    -- Where a caller's request came from; the name of an operator's machine.
    address text,
    action text NOT NULL,
    -- The id of what was changed, as text.
    subject text NOT NULL,
    CONSTRAINT unlinked_audit_key PRIMARY KEY (id)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX unlinked_audit_by_organization ON unlinked_audit (organization_id, id);

-- The same as links of the organization's chain: written once, never changed. docs/security.md.
CREATE TABLE audit (
    organization_id uuid NOT NULL,
    -- Counts from 1, without a gap.
    position bigint NOT NULL,
    -- SHA-256 over the link before and this entry.
    hash bytea NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    request_id uuid NOT NULL,
    address text,
    action text NOT NULL,
    subject text NOT NULL,
    CONSTRAINT audit_key PRIMARY KEY (organization_id, position)
);

-- The last link of each chain, sealed as audit.head.
CREATE TABLE audit_head (
    organization_id uuid NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT audit_head_key PRIMARY KEY (organization_id)
);

-- Row level security: the tenant's role, which reads and changes of what a caller set up run under,
-- sees the rows of the organization that its transaction names, and no others. The owner of the
-- tables, which leases, sweeps, commands and dispatch run under, is not bound by it.

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'api_key', 'token', 'data_key', 'agent', 'source', 'credential', 'task', 'task_version', 'playbook',
        'playbook_version', 'worker', 'session', 'run', 'queue', 'parked', 'gate', 'live',
        'review', 'file', 'screenshot', 'event', 'destination', 'deleted_destination', 'delivery',
        'idempotency', 'unlinked_audit', 'audit', 'audit_head'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO windlass_tenant
                 USING (organization_id = current_setting(''windlass.organization_id'')::uuid)',
            tenant_table
        );
    END LOOP;
    FOREACH tenant_table IN ARRAY ARRAY['run_input', 'run_output', 'timeline'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO windlass_tenant
                 USING (EXISTS (SELECT FROM run WHERE run.id = run_id))',
            tenant_table
        );
    END LOOP;
    IF NOT has_schema_privilege('windlass_tenant', current_schema(), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO windlass_tenant', current_schema());
    END IF;
END
$$;

ALTER TABLE organization ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization TO windlass_tenant
    USING (id = current_setting('windlass.organization_id')::uuid);

ALTER TABLE delivery_attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON delivery_attempt TO windlass_tenant
    USING (EXISTS (SELECT FROM delivery WHERE delivery.id = delivery_id));

GRANT SELECT ON organization, session, run, run_input, run_output, queue, parked, live, review,
    timeline, file, screenshot TO windlass_tenant;
GRANT UPDATE (event_sequence, queued) ON organization TO windlass_tenant;
GRANT SELECT, INSERT ON event TO windlass_tenant;
GRANT INSERT ON unlinked_audit TO windlass_tenant;
GRANT INSERT ON deleted_destination TO windlass_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_key, token, agent, source, credential, task, task_version,
    playbook, playbook_version, destination, delivery, delivery_attempt, idempotency
    TO windlass_tenant;
