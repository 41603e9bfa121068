-- The foundation: organizations, users, roles, keys, links, jobs.
-- Times are microseconds since 1970 UTC. Ids are bytes. Lists and maps are JSON text.
-- Every primary and unique key begins with org_id; the exceptions say why. So each table can be distributed by it.
-- Sorted text is COLLATE "C": both engines sort by bytes.

-- Control store: which organizations there are and where each one lives. It stands outside the walls.
-- Exception: org_uuid and slug are looked up before the organization is known.
CREATE TABLE organization (
    org_id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_uuid      BYTEA  NOT NULL UNIQUE CHECK (length(org_uuid) = 16),
    slug          TEXT   COLLATE "C" NOT NULL UNIQUE,
    cluster       TEXT   NOT NULL,
    parent_org_id BIGINT REFERENCES organization (org_id),
    created_at    BIGINT NOT NULL
);

CREATE INDEX organization_by_parent ON organization (parent_org_id) WHERE parent_org_id IS NOT NULL;

-- Control store: the keys that sign tokens; all processes of one store share them.
-- Exception: a key serves every organization.
CREATE TABLE signing_key (
    kid        TEXT   COLLATE "C" PRIMARY KEY,
    pkcs8      BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE organization_profile (
    org_id               BIGINT  PRIMARY KEY,
    name                 TEXT    NOT NULL,
    title                TEXT    NOT NULL,
    main_description     TEXT    NOT NULL,
    sub_description      TEXT    NOT NULL,
    onboarding           TEXT    NOT NULL,
    user_dimensions      TEXT    NOT NULL,
    default_preferences  TEXT,
    verify_at_creation   BOOLEAN NOT NULL,
    unverified_sign_in   BOOLEAN NOT NULL,
    allowed_origins      TEXT    NOT NULL,
    updated_at           BIGINT  NOT NULL
);

-- Images are kept apart from the profile, so that reading a name does not read a logo.
CREATE TABLE organization_image (
    org_id  BIGINT NOT NULL REFERENCES organization_profile (org_id) ON DELETE CASCADE,
    kind    TEXT   COLLATE "C" NOT NULL,
    content BYTEA  NOT NULL,
    PRIMARY KEY (org_id, kind)
);

-- Totals are kept in the transaction that changes them, so that nobody counts by scanning. Each total is the sum of many
-- slots: a connection changes its own, and so writers do not queue behind one row. Pages are left half empty, so that a
-- changed slot stays in its page and no index has to follow.
CREATE TABLE directory_counter (
    org_id    BIGINT   NOT NULL,
    directory SMALLINT NOT NULL,
    slot      SMALLINT NOT NULL,
    users     BIGINT   NOT NULL,
    PRIMARY KEY (org_id, directory, slot)
) WITH (fillfactor = 50);

CREATE TABLE role (
    org_id        BIGINT  NOT NULL,
    role_id       BYTEA   NOT NULL CHECK (length(role_id) = 12),
    name          TEXT    COLLATE "C" NOT NULL,
    description   TEXT    NOT NULL,
    frontend_view TEXT    NOT NULL CHECK (frontend_view IN ('client', 'admin')),
    grants        TEXT    NOT NULL,
    is_super      BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    PRIMARY KEY (org_id, role_id),
    UNIQUE (org_id, name)
);

-- Numbers users in the order of their creation, over all organizations: a number of an organization's own would be a row
-- that its writers queue behind.
CREATE SEQUENCE user_position CACHE 1;

-- A user of any directory.
CREATE TABLE users (
    org_id             BIGINT   NOT NULL,
    directory          SMALLINT NOT NULL,
    user_id            BYTEA    NOT NULL CHECK (length(user_id) = 16),
    position           BIGINT   NOT NULL,
    email              TEXT     NOT NULL,
    email_key          TEXT     COLLATE "C" NOT NULL,
    first_name         TEXT     NOT NULL,
    last_name          TEXT     NOT NULL,
    first_key          TEXT     COLLATE "C" NOT NULL,
    last_key           TEXT     COLLATE "C" NOT NULL,
    search_text        TEXT     COLLATE "C" NOT NULL,
    role_id            BYTEA    NOT NULL,
    is_verified        BOOLEAN  NOT NULL,
    preferences        TEXT     NOT NULL,
    open_variables     TEXT     NOT NULL,
    secret_variables   TEXT     NOT NULL,
    additional_context TEXT     NOT NULL,
    num_conversations  BIGINT   NOT NULL DEFAULT 0,
    num_messages       BIGINT   NOT NULL DEFAULT 0,
    last_message_at    BIGINT   NOT NULL DEFAULT 0, -- 0: no message yet; sorts before every time
    created_api_key    BOOLEAN  NOT NULL DEFAULT FALSE,
    created_at         BIGINT   NOT NULL,
    updated_at         BIGINT   NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, role_id) REFERENCES role (org_id, role_id)
);

-- The order of creation: a page of users, and where a continuation token points to.
CREATE UNIQUE INDEX user_by_position ON users (org_id, directory, position);
-- One user per address and directory; also serves the filter by address and the order by address.
CREATE UNIQUE INDEX user_by_email ON users (org_id, directory, email_key);
-- One index per order that get users offers, so that a deep page costs what the first one costs.
CREATE INDEX user_by_first_name ON users (org_id, directory, first_key, position);
CREATE INDEX user_by_last_name ON users (org_id, directory, last_key, position);
CREATE INDEX user_by_conversations ON users (org_id, directory, num_conversations, position);
CREATE INDEX user_by_messages ON users (org_id, directory, num_messages, position);
CREATE INDEX user_by_last_message ON users (org_id, directory, last_message_at, position);

-- What is left of a deleted user who had created an API key: that there was one.
CREATE TABLE user_tombstone (
    org_id     BIGINT   NOT NULL,
    user_id    BYTEA    NOT NULL,
    directory  SMALLINT NOT NULL,
    deleted_at BIGINT   NOT NULL,
    PRIMARY KEY (org_id, user_id)
);

-- The search index: for each user the windows of three characters of the folded search text, each as a word whose
-- beginnings stand for its first one and two characters, so that needles of any length are served. The words are hashes
-- that have the organization and the directory in them: no text can be read from them.
-- Outside the walls: text-search conditions are not leakproof, so behind a wall no query could use the index. It leads to a
-- user only through `users`, which is walled.
CREATE TABLE user_search (
    org_id   BIGINT   NOT NULL,
    position BIGINT   NOT NULL,
    windows  TSVECTOR NOT NULL,
    PRIMARY KEY (org_id, position)
);

CREATE INDEX user_by_window ON user_search USING gin (windows);

CREATE TABLE api_key (
    org_id          BIGINT NOT NULL,
    key_id          BYTEA  NOT NULL CHECK (length(key_id) = 16),
    record_id       BYTEA  NOT NULL CHECK (length(record_id) = 12),
    name            TEXT,
    secret_hash     BYTEA  NOT NULL CHECK (length(secret_hash) = 32),
    role_id         BYTEA  NOT NULL,
    creator_org_id  BIGINT NOT NULL,
    creator_user_id BYTEA  NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    PRIMARY KEY (org_id, key_id),
    FOREIGN KEY (org_id, role_id) REFERENCES role (org_id, role_id)
);

-- Links that were mailed; only the hash of the secret is kept.
CREATE TABLE link (
    org_id      BIGINT NOT NULL,
    secret_hash BYTEA  NOT NULL CHECK (length(secret_hash) = 32),
    user_id     BYTEA  NOT NULL,
    purpose     TEXT   NOT NULL CHECK (purpose IN ('sign_in', 'verify')),
    redirect    TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (org_id, secret_hash),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id) ON DELETE CASCADE
);

CREATE INDEX link_by_user ON link (org_id, user_id);

-- Work that leaves the process, written in the transaction that causes it.
CREATE TABLE job (
    org_id      BIGINT NOT NULL,
    job_id      BYTEA  NOT NULL CHECK (length(job_id) = 12),
    kind        TEXT   COLLATE "C" NOT NULL,
    user_id     BYTEA, -- whose data the payload holds, when that is known
    payload     TEXT   NOT NULL,
    state       TEXT   COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    attempts    BIGINT NOT NULL,
    run_at      BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    last_error  TEXT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (org_id, job_id)
);

-- The worker looks for what is due over all organizations of the cluster.
CREATE INDEX job_due ON job (run_at) WHERE state IN ('waiting', 'running');
CREATE INDEX job_by_user ON job (org_id, user_id) WHERE user_id IS NOT NULL;

-- The walls: behind each, a statement sees and writes only the rows of the organization that `denizen.org_id` names. FORCE
-- puts the owner of the tables, which denizen connects as, behind them too. Where the setting is missing, nothing is seen.
ALTER TABLE organization_profile ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_image ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE directory_counter ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE user_tombstone ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE job ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY wall ON organization_profile USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON organization_image USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON directory_counter USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON role USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON users USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON user_tombstone USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON api_key USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON link USING (org_id = current_setting('denizen.org_id', true)::bigint);
-- The worker, which acts for the control store, serves the jobs of every organization.
CREATE POLICY wall ON job USING (current_setting('denizen.org_id', true)::bigint IN (org_id, 0));
