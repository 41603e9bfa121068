-- The foundation: organizations, users, roles, keys, links, jobs.
-- Times are microseconds since 1970 UTC. Ids are bytes. Booleans are 0 or 1. Lists and maps are JSON text.
-- Every primary and unique key begins with org_id; the exceptions say why.

-- Control store: which organizations there are and where each one lives.
-- Exception: org_uuid and slug are looked up before the organization is known.
-- AUTOINCREMENT: a key is never given twice, or an organization could be born into the rows of one that is still
-- being erased.
CREATE TABLE organization (
    org_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    org_uuid      BLOB    NOT NULL UNIQUE CHECK (length(org_uuid) = 16),
    slug          TEXT    NOT NULL UNIQUE,
    cluster       TEXT    NOT NULL,
    parent_org_id INTEGER REFERENCES organization (org_id),
    created_at    INTEGER NOT NULL
) STRICT;

-- Control store: the keys that sign tokens; all processes of one store share them.
-- Exception: a key serves every organization.
CREATE TABLE signing_key (
    kid        TEXT    PRIMARY KEY,
    pkcs8      BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;

CREATE TABLE organization_profile (
    org_id               INTEGER PRIMARY KEY,
    name                 TEXT    NOT NULL,
    title                TEXT    NOT NULL,
    main_description     TEXT    NOT NULL,
    sub_description      TEXT    NOT NULL,
    onboarding           TEXT    NOT NULL,
    user_dimensions      TEXT    NOT NULL,
    default_preferences  TEXT,
    verify_at_creation   INTEGER NOT NULL CHECK (verify_at_creation IN (0, 1)),
    unverified_sign_in   INTEGER NOT NULL CHECK (unverified_sign_in IN (0, 1)),
    allowed_origins      TEXT    NOT NULL,
    updated_at           INTEGER NOT NULL
) STRICT;

-- Images are kept apart from the profile, so that reading a name does not read a logo.
CREATE TABLE organization_image (
    org_id  INTEGER NOT NULL REFERENCES organization_profile (org_id) ON DELETE CASCADE,
    kind    TEXT    NOT NULL,
    content BLOB    NOT NULL,
    PRIMARY KEY (org_id, kind)
) STRICT, WITHOUT ROWID;

-- Totals are kept in the transaction that changes them, so that nobody counts by scanning.
-- last_seq numbers the users of a directory in the order of their creation.
CREATE TABLE directory_counter (
    org_id    INTEGER NOT NULL,
    directory INTEGER NOT NULL,
    users     INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (org_id, directory)
) STRICT, WITHOUT ROWID;

CREATE TABLE role (
    org_id        INTEGER NOT NULL,
    role_id       BLOB    NOT NULL CHECK (length(role_id) = 12),
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    frontend_view TEXT    NOT NULL CHECK (frontend_view IN ('client', 'admin')),
    grants        TEXT    NOT NULL,
    is_super      INTEGER NOT NULL CHECK (is_super IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (org_id, role_id),
    UNIQUE (org_id, name)
) STRICT, WITHOUT ROWID;

-- A user of any directory.
-- Exception: position is the row's place on disk, and packs org_id (29 bits), directory (2 bits) and a number that
-- rises with creation (32 bits). So the users of one directory lie side by side, a page in order of creation is one
-- range scan, and the search index can be bounded to one organization by its row ids.
CREATE TABLE users (
    position           INTEGER PRIMARY KEY,
    org_id             INTEGER NOT NULL,
    directory          INTEGER NOT NULL,
    user_id            BLOB    NOT NULL CHECK (length(user_id) = 16),
    email              TEXT    NOT NULL,
    email_key          TEXT    NOT NULL,
    first_name         TEXT    NOT NULL,
    last_name          TEXT    NOT NULL,
    first_key          TEXT    NOT NULL,
    last_key           TEXT    NOT NULL,
    search_text        TEXT    NOT NULL,
    role_id            BLOB    NOT NULL,
    is_verified        INTEGER NOT NULL CHECK (is_verified IN (0, 1)),
    preferences        TEXT    NOT NULL,
    open_variables     TEXT    NOT NULL,
    secret_variables   TEXT    NOT NULL,
    additional_context TEXT    NOT NULL,
    num_conversations  INTEGER NOT NULL DEFAULT 0,
    num_messages       INTEGER NOT NULL DEFAULT 0,
    last_message_at    INTEGER NOT NULL DEFAULT 0, -- 0: no message yet; sorts before every time
    created_api_key    INTEGER NOT NULL DEFAULT 0 CHECK (created_api_key IN (0, 1)),
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    FOREIGN KEY (org_id, role_id) REFERENCES role (org_id, role_id)
) STRICT;

-- A user by id: the lookup of every operation that names one.
CREATE UNIQUE INDEX user_by_id ON users (org_id, user_id);
-- One user per address and directory; also serves the filter by address and the order by address.
CREATE UNIQUE INDEX user_by_email ON users (org_id, directory, email_key);
-- One index per order that get users offers, so that a deep page costs what the first one costs.
CREATE INDEX user_by_first_name ON users (org_id, directory, first_key);
CREATE INDEX user_by_last_name ON users (org_id, directory, last_key);
CREATE INDEX user_by_conversations ON users (org_id, directory, num_conversations);
CREATE INDEX user_by_messages ON users (org_id, directory, num_messages);
CREATE INDEX user_by_last_message ON users (org_id, directory, last_message_at);

-- What is left of a deleted user who had created an API key: that there was one.
CREATE TABLE user_tombstone (
    org_id     INTEGER NOT NULL,
    user_id    BLOB    NOT NULL,
    directory  INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id)
) STRICT, WITHOUT ROWID;

-- The search index holds, for each user, the three-letter windows of the folded search text.
-- Contentless: no text is kept in it. detail=none: a candidate is checked against users.search_text anyway.
-- The prefix indexes serve needles of one and two letters. The row id is users.position.
-- columnsize=0: nothing is ranked, so no length has to be kept.
CREATE VIRTUAL TABLE user_search USING fts5 (
    grams, content = '', columnsize = 0, detail = none, prefix = '1 2', tokenize = 'ascii'
);
-- Deleted words are taken out at once. Otherwise they would stay readable, beside a mark, until a merge drops them, and
-- the windows of an erased name can be put together again.
INSERT INTO user_search (user_search, rank) VALUES ('secure-delete', 1);

CREATE TABLE api_key (
    org_id          INTEGER NOT NULL,
    key_id          BLOB    NOT NULL CHECK (length(key_id) = 16),
    record_id       BLOB    NOT NULL CHECK (length(record_id) = 12),
    name            TEXT,
    secret_hash     BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    role_id         BLOB    NOT NULL,
    creator_org_id  INTEGER NOT NULL,
    creator_user_id BLOB    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    PRIMARY KEY (org_id, key_id),
    FOREIGN KEY (org_id, role_id) REFERENCES role (org_id, role_id)
) STRICT, WITHOUT ROWID;

-- Links that were mailed; only the hash of the secret is kept.
CREATE TABLE link (
    org_id      INTEGER NOT NULL,
    secret_hash BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    user_id     BLOB    NOT NULL,
    purpose     TEXT    NOT NULL CHECK (purpose IN ('sign_in', 'verify')),
    redirect    TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, secret_hash),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX link_by_user ON link (org_id, user_id);

-- Work that leaves the process, written in the transaction that causes it.
CREATE TABLE job (
    org_id      INTEGER NOT NULL,
    job_id      BLOB    NOT NULL CHECK (length(job_id) = 12),
    kind        TEXT    NOT NULL,
    user_id     BLOB, -- whose data the payload holds, when that is known
    payload     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    attempts    INTEGER NOT NULL,
    run_at      INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    last_error  TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, job_id)
) STRICT, WITHOUT ROWID;

-- The worker looks for what is due over all organizations of the cluster.
CREATE INDEX job_due ON job (run_at) WHERE state IN ('waiting', 'running');
CREATE INDEX job_by_user ON job (org_id, user_id) WHERE user_id IS NOT NULL;
