-- Rows as a denizen of schema version 3 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO linked_account (org_id, user_id, provider, tenant, account_id, updated_at)
VALUES (1, '\x00000000000000010000000000000000', 'google', '', 'kX2Zr0', 1760000000000000);

INSERT INTO external_event (org_id, event_id, user_id, position, type, starts_at, ends_at, description, transcript, digest,
    created_at, updated_at)
VALUES (1, '\x0a0a0a0a0a0a0a0a0a0a0a0a', '\x00000000000000010000000000000000', 1, 'call', 1760000000000000, 1760000060000000,
    'A call', NULL, '\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 1760000000000000, 1760000000000000);

INSERT INTO conversation (org_id, conversation_id, user_id, started_at, ended_at, title, digest, created_at, updated_at)
VALUES (1, '\x0c0c0c0c0c0c0c0c0c0c0c0c', '\x00000000000000010000000000000000', 1760000000000000, NULL, 'Greeting',
    '\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 1760000000000000, 1760000000000000);

INSERT INTO message (org_id, message_id, conversation_id, user_id, sender, content, digest, created_at, updated_at)
VALUES (1, '\x0d0d0d0d0d0d0d0d0d0d0d0d', '\x0c0c0c0c0c0c0c0c0c0c0c0c', '\x00000000000000010000000000000000', 'user', 'Hello',
    '\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 1760000000000000, 1760000000000000);

INSERT INTO memory (org_id, memory_id, user_id, position, conversation_id, content, context, digest, created_at, updated_at)
VALUES (1, '\x0e0e0e0e0e0e0e0e0e0e0e0e', '\x00000000000000010000000000000000', 1, '\x0c0c0c0c0c0c0c0c0c0c0c0c', 'Greets', '',
    '\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 1760000000000000, 1760000000000000);

INSERT INTO memory_reference (org_id, memory_id, ordinal, message_id)
VALUES (1, '\x0e0e0e0e0e0e0e0e0e0e0e0e', 0, '\x0d0d0d0d0d0d0d0d0d0d0d0d');

INSERT INTO user_model (org_id, user_model_id, user_id, content, insight_ids, dimensions, digest, created_at, updated_at)
VALUES (1, '\x0f0f0f0f0f0f0f0f0f0f0f0f', '\x00000000000000010000000000000000', 'Polite', '["i1"]', '[]',
    '\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 1760000000000000, 1760000000000000);

INSERT INTO temporary_grant (org_id, grant_id, position, user_id, permission_name, permission_grant, justification,
    creator_org_id, creator_user_id, created_at, expires_at)
VALUES (1, '\x101010101010101010101010', 1, '\x00000000000000010000000000000000', 'User:GetUserInfo',
    '{"permission_name":"User:GetUserInfo","action":"Allow","conditions":{}}', 'To look into a complaint', 1,
    '\x00000000000000010000000000000000', 1760000000000000, 1790000000000000);

INSERT INTO temporary_grant_tag (org_id, grant_id, name, value) VALUES (1, '\x101010101010101010101010', 'case', '17');

INSERT INTO awaited_user (org_id, user_id, since) VALUES (1, '\x11111111111111110000000000000000', 1760000000000000);

INSERT INTO erasure_receipt (org_id, subject_hash, erased_at)
VALUES (1, '\x1212121212121212121212121212121212121212121212121212121212121212', 1760000000000000);
