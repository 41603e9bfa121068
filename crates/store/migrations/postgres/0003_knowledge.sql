-- What is known about a user: external events, and what a conversation platform sends. And what is left of an erasure.
-- Digests are the first 16 bytes of a SHA-256 over all of a record, by which a repeated one is known.
--
-- What the platform sends may come before its user, so none of it refers to `users`; src/holdings.rs says how erasing a
-- user finds it. A user who is not there yet is awaited for a while.

-- An account at an identity provider that belongs to a user, and is deleted with the user.
CREATE TABLE linked_account (
    org_id     BIGINT  NOT NULL,
    user_id    BYTEA   NOT NULL CHECK (length(user_id) = 16),
    provider   TEXT    COLLATE "C" NOT NULL CHECK (provider IN ('google')),
    tenant     TEXT    COLLATE "C" NOT NULL, -- empty: the project itself
    account_id TEXT    COLLATE "C" NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (org_id, user_id, provider),
    UNIQUE (org_id, provider, tenant, account_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id) ON DELETE CASCADE
);

-- Numbers records in the order of their arrival, over all organizations: a number of a user's own would be a row that
-- writers queue behind.
CREATE SEQUENCE record_position CACHE 1;

-- position numbers events in the order of their arrival; a continuation token names it.
CREATE TABLE external_event (
    org_id      BIGINT  NOT NULL,
    event_id    BYTEA   NOT NULL CHECK (length(event_id) = 12),
    user_id     BYTEA   NOT NULL CHECK (length(user_id) = 16),
    position    BIGINT  NOT NULL,
    type        TEXT    COLLATE "C" NOT NULL,
    starts_at   BIGINT  NOT NULL,
    ends_at     BIGINT  NOT NULL,
    description TEXT    NOT NULL,
    transcript  TEXT,
    digest      BYTEA   NOT NULL CHECK (length(digest) = 16),
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL,
    PRIMARY KEY (org_id, event_id)
);

CREATE UNIQUE INDEX external_event_by_position ON external_event (org_id, user_id, position);
-- One index per order, so that a deep page costs what the first one costs.
CREATE INDEX external_event_by_type ON external_event (org_id, user_id, type, position);
CREATE INDEX external_event_by_start ON external_event (org_id, user_id, starts_at, position);
CREATE INDEX external_event_by_end ON external_event (org_id, user_id, ends_at, position);

CREATE TABLE conversation (
    org_id          BIGINT  NOT NULL,
    conversation_id BYTEA   NOT NULL CHECK (length(conversation_id) = 12),
    user_id         BYTEA   NOT NULL CHECK (length(user_id) = 16),
    started_at      BIGINT  NOT NULL,
    ended_at        BIGINT,
    title           TEXT,
    digest          BYTEA   NOT NULL CHECK (length(digest) = 16),
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    PRIMARY KEY (org_id, conversation_id)
);

CREATE INDEX conversation_by_user ON conversation (org_id, user_id);

CREATE TABLE message (
    org_id          BIGINT  NOT NULL,
    message_id      BYTEA   NOT NULL CHECK (length(message_id) = 12),
    conversation_id BYTEA   NOT NULL CHECK (length(conversation_id) = 12),
    user_id         BYTEA   NOT NULL CHECK (length(user_id) = 16), -- who holds the conversation
    sender          TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    digest          BYTEA   NOT NULL CHECK (length(digest) = 16),
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    PRIMARY KEY (org_id, message_id)
);

-- The last message of a user.
CREATE INDEX message_by_user ON message (org_id, user_id, created_at);
CREATE INDEX message_by_conversation ON message (org_id, conversation_id);

-- position numbers memories in the order of their arrival; a continuation token names it.
CREATE TABLE memory (
    org_id          BIGINT  NOT NULL,
    memory_id       BYTEA   NOT NULL CHECK (length(memory_id) = 12),
    user_id         BYTEA   NOT NULL CHECK (length(user_id) = 16),
    position        BIGINT  NOT NULL,
    conversation_id BYTEA   NOT NULL CHECK (length(conversation_id) = 12),
    content         TEXT    NOT NULL,
    context         TEXT    NOT NULL,
    digest          BYTEA   NOT NULL CHECK (length(digest) = 16),
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    PRIMARY KEY (org_id, memory_id)
);

CREATE UNIQUE INDEX memory_by_position ON memory (org_id, user_id, position);
CREATE INDEX memory_by_conversation ON memory (org_id, user_id, conversation_id, position);
CREATE INDEX memory_by_creation ON memory (org_id, user_id, created_at, position);

-- The messages that a memory was drawn from, in their order; they may arrive later than the memory.
CREATE TABLE memory_reference (
    org_id     BIGINT  NOT NULL,
    memory_id  BYTEA   NOT NULL CHECK (length(memory_id) = 12),
    ordinal    BIGINT  NOT NULL,
    message_id BYTEA   NOT NULL CHECK (length(message_id) = 12),
    PRIMARY KEY (org_id, memory_id, ordinal),
    FOREIGN KEY (org_id, memory_id) REFERENCES memory (org_id, memory_id) ON DELETE CASCADE
);

CREATE TABLE user_model (
    org_id        BIGINT  NOT NULL,
    user_model_id BYTEA   NOT NULL CHECK (length(user_model_id) = 12),
    user_id       BYTEA   NOT NULL CHECK (length(user_id) = 16),
    content       TEXT    NOT NULL,
    insight_ids   TEXT    NOT NULL,
    dimensions    TEXT    NOT NULL,
    digest        BYTEA   NOT NULL CHECK (length(digest) = 16),
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    PRIMARY KEY (org_id, user_model_id)
);

CREATE INDEX user_model_by_user ON user_model (org_id, user_id, created_at);

-- A grant to one user until a time. position numbers grants; a continuation token names it.
CREATE TABLE temporary_grant (
    org_id           BIGINT  NOT NULL,
    grant_id         BYTEA   NOT NULL CHECK (length(grant_id) = 12),
    position         BIGINT  NOT NULL,
    user_id          BYTEA   NOT NULL CHECK (length(user_id) = 16),
    permission_name  TEXT    COLLATE "C" NOT NULL,
    permission_grant TEXT    NOT NULL,
    justification    TEXT    NOT NULL,
    creator_org_id   BIGINT  NOT NULL,
    creator_user_id  BYTEA   NOT NULL,
    created_at       BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL,
    PRIMARY KEY (org_id, grant_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX temporary_grant_by_position ON temporary_grant (org_id, position);
CREATE INDEX temporary_grant_by_user ON temporary_grant (org_id, user_id, position);
-- What a user has now, however much has expired: it is read whenever the user's session is.
CREATE INDEX temporary_grant_by_end ON temporary_grant (org_id, user_id, expires_at);
CREATE INDEX temporary_grant_by_expiry ON temporary_grant (org_id, expires_at, position);
CREATE INDEX temporary_grant_by_permission ON temporary_grant (org_id, permission_name, position);

CREATE TABLE temporary_grant_tag (
    org_id   BIGINT  NOT NULL,
    grant_id BYTEA   NOT NULL CHECK (length(grant_id) = 12),
    name     TEXT    COLLATE "C" NOT NULL,
    value    TEXT    COLLATE "C",
    PRIMARY KEY (org_id, grant_id, name),
    FOREIGN KEY (org_id, grant_id) REFERENCES temporary_grant (org_id, grant_id) ON DELETE CASCADE
);

-- Users of whom something arrived before they did. Who does not come in time is erased like a user.
CREATE TABLE awaited_user (
    org_id  BIGINT  NOT NULL,
    user_id BYTEA   NOT NULL CHECK (length(user_id) = 16),
    since   BIGINT  NOT NULL,
    PRIMARY KEY (org_id, user_id)
);

-- Who was erased, as a hash: what arrives late about such a user is not taken in.
CREATE TABLE erasure_receipt (
    org_id       BIGINT  NOT NULL,
    subject_hash BYTEA   NOT NULL CHECK (length(subject_hash) = 32),
    erased_at    BIGINT  NOT NULL,
    PRIMARY KEY (org_id, subject_hash)
);

-- The walls; see 0001.
ALTER TABLE linked_account ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE external_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE conversation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE message ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE memory ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_reference ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE user_model ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE temporary_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE temporary_grant_tag ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE awaited_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE erasure_receipt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY wall ON linked_account USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON external_event USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON conversation USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON message USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON memory USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON memory_reference USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON user_model USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON temporary_grant USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON temporary_grant_tag USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON awaited_user USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON erasure_receipt USING (org_id = current_setting('denizen.org_id', true)::bigint);

-- The permissions of the native API, for the administrators of the organizations that are there already. The owner of the
-- table steps before its wall for that.
ALTER TABLE role NO FORCE ROW LEVEL SECURITY;
UPDATE role SET grants = CAST(CAST(grants AS JSONB) ||
    '[{"permission_name":"Directory:IngestRecords","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}},
     {"permission_name":"Directory:LinkAccount","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}},
     {"permission_name":"Directory:GetJob","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}]' AS TEXT)
WHERE name IN ('DefaultAdministratorRole', 'DefaultAmigoAdministratorRole');
UPDATE role SET grants = CAST(CAST(grants AS JSONB) ||
    '[{"permission_name":"Directory:IngestRecords","action":"Allow","conditions":{}},
     {"permission_name":"Directory:LinkAccount","action":"Allow","conditions":{}},
     {"permission_name":"Directory:GetJob","action":"Allow","conditions":{}}]' AS TEXT)
WHERE is_super;
ALTER TABLE role FORCE ROW LEVEL SECURITY;
