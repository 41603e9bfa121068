-- The contacts of a help desk: who they are, what was said with them, and what is to be forgotten of it.
-- A contact is a user of the directory `contacts` (1); its id stands in columns named user_id, as a member's does.
-- Lists and maps that are empty are NULL. Anonymizing sets to NULL what is personal, and anonymized_at to the time.

-- A token with which a program calls without signing anybody in; only the hash of the secret is kept. The token acts in
-- its own name: token_id is the id of the actor.
CREATE TABLE access_token (
    org_id      BIGINT NOT NULL,
    token_id    BYTEA NOT NULL CHECK (length(token_id) = 16),
    name        TEXT,
    secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32),
    role_id     BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    PRIMARY KEY (org_id, token_id),
    UNIQUE (org_id, secret_hash),
    FOREIGN KEY (org_id, role_id) REFERENCES role (org_id, role_id)
);

-- position is taken from the sequence of users, whose search index contacts share.
CREATE TABLE contact (
    org_id            BIGINT NOT NULL,
    user_id           BYTEA NOT NULL CHECK (length(user_id) = 16),
    position          BIGINT NOT NULL,
    display_name      TEXT,
    first_name        TEXT,
    last_name         TEXT,
    middle_names      TEXT,
    email             TEXT,
    additional_emails TEXT,
    phone             TEXT,
    additional_phones TEXT,
    external_id       TEXT COLLATE "C",
    avatar_url        TEXT,
    attributes        TEXT, -- by the id of their definition
    search_text       TEXT COLLATE "C", -- the names, as the search index holds them
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    anonymized_at     BIGINT,
    PRIMARY KEY (org_id, user_id)
);

CREATE UNIQUE INDEX contact_by_position ON contact (org_id, position);
-- The order of lists, and what a page goes on from.
CREATE INDEX contact_by_creation ON contact (org_id, created_at, user_id);
-- An external id may belong to several contacts.
CREATE INDEX contact_by_external_id ON contact (org_id, external_id, created_at, user_id) WHERE external_id IS NOT NULL;

-- Every address and number of every contact, primary or additional, each of which only one contact can have. The key is
-- what is compared; the spelling stands with the contact.
CREATE TABLE contact_identifier (
    org_id  BIGINT NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL CHECK (kind IN ('email', 'phone')),
    key     TEXT COLLATE "C" NOT NULL,
    user_id BYTEA NOT NULL,
    PRIMARY KEY (org_id, kind, key),
    FOREIGN KEY (org_id, user_id) REFERENCES contact (org_id, user_id)
);

CREATE INDEX contact_identifier_by_user ON contact_identifier (org_id, user_id);

-- What can be noted of contacts or conversations. input says whether that is a text, or a choice of which options.
-- updated_at is the time of the last change where the definition comes from.
CREATE TABLE attribute_definition (
    org_id         BIGINT NOT NULL,
    definition_id  BYTEA NOT NULL CHECK (length(definition_id) = 16),
    entity         TEXT COLLATE "C" NOT NULL CHECK (entity IN ('contact', 'conversation')),
    identifier     TEXT NOT NULL,
    label          TEXT NOT NULL,
    description    TEXT,
    input          TEXT NOT NULL,
    is_required    SMALLINT NOT NULL CHECK (is_required IN (0, 1)),
    is_archived    SMALLINT NOT NULL CHECK (is_archived IN (0, 1)),
    is_deactivated SMALLINT NOT NULL CHECK (is_deactivated IN (0, 1)),
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT,
    PRIMARY KEY (org_id, definition_id)
);

-- A conversation of a contact with the help desk. details depends on the kind.
CREATE TABLE contact_conversation (
    org_id               BIGINT NOT NULL,
    conversation_id      BIGINT NOT NULL,
    user_id              BYTEA NOT NULL,
    kind                 TEXT COLLATE "C" NOT NULL,
    channel              TEXT COLLATE "C" NOT NULL,
    direction            TEXT,
    state                TEXT COLLATE "C",
    state_changed_at     BIGINT,
    assignment           TEXT,
    queue                TEXT,
    parent_id            BIGINT,
    link_kind            TEXT,
    transport_expires_at BIGINT,
    details              TEXT,
    attributes           TEXT, -- by the id of their definition
    digest               BYTEA CHECK (length(digest) = 16),
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    anonymized_at        BIGINT,
    PRIMARY KEY (org_id, conversation_id),
    FOREIGN KEY (org_id, user_id) REFERENCES contact (org_id, user_id)
);

CREATE INDEX contact_conversation_by_user ON contact_conversation (org_id, user_id, conversation_id);

CREATE TABLE contact_message (
    org_id          BIGINT NOT NULL,
    message_id      BYTEA NOT NULL CHECK (length(message_id) = 16),
    conversation_id BIGINT NOT NULL,
    user_id         BYTEA NOT NULL, -- whose conversation it is
    sender          TEXT,
    content         TEXT,
    digest          BYTEA CHECK (length(digest) = 16),
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    anonymized_at   BIGINT,
    PRIMARY KEY (org_id, message_id),
    FOREIGN KEY (org_id, conversation_id) REFERENCES contact_conversation (org_id, conversation_id)
);

CREATE INDEX contact_message_by_conversation ON contact_message (org_id, conversation_id, message_id);
CREATE INDEX contact_message_by_user ON contact_message (org_id, user_id);

-- What is to be made anonymous, and when it was. target is the id of the contact, of the conversation, or of both
-- conversation and message; a thing is asked for once.
CREATE TABLE anonymization_request (
    org_id       BIGINT NOT NULL,
    request_id   BYTEA NOT NULL CHECK (length(request_id) = 16),
    entity       TEXT COLLATE "C" NOT NULL CHECK (entity IN ('contact', 'conversation', 'message')),
    target       TEXT COLLATE "C" NOT NULL,
    requested_by BYTEA NOT NULL CHECK (length(requested_by) = 16),
    initiated_at BIGINT NOT NULL,
    processed_at BIGINT,
    PRIMARY KEY (org_id, request_id),
    UNIQUE (org_id, entity, target)
);

-- The walls; see 0001.
ALTER TABLE access_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE contact ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_identifier ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE attribute_definition ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_conversation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_message ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE anonymization_request ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY wall ON access_token USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON contact USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON contact_identifier USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON attribute_definition USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON contact_conversation USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON contact_message USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON anonymization_request USING (org_id = current_setting('denizen.org_id', true)::bigint);

-- The permissions on contacts, for the administrators of the organizations that are there already; see 0003.
ALTER TABLE role NO FORCE ROW LEVEL SECURITY;
UPDATE role SET grants = CAST(CAST(grants AS JSONB) ||
    '[{"permission_name":"Directory:ReadContact","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}},
     {"permission_name":"Directory:WriteContact","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}},
     {"permission_name":"Directory:AnonymizeContact","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}]' AS TEXT)
WHERE name IN ('DefaultAdministratorRole', 'DefaultAmigoAdministratorRole');
UPDATE role SET grants = CAST(CAST(grants AS JSONB) ||
    '[{"permission_name":"Directory:ReadContact","action":"Allow","conditions":{}},
     {"permission_name":"Directory:WriteContact","action":"Allow","conditions":{}},
     {"permission_name":"Directory:AnonymizeContact","action":"Allow","conditions":{}}]' AS TEXT)
WHERE is_super;
ALTER TABLE role FORCE ROW LEVEL SECURITY;
