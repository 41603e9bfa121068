-- Rows as a denizen of schema version 4 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO access_token (org_id, token_id, name, secret_hash, role_id, created_at, expires_at)
VALUES (1, '\x20202020202020202020202020202020', 'desk', '\x2121212121212121212121212121212121212121212121212121212121212121',
    '\x070707070707070707070707', 1760000000000000, NULL);

INSERT INTO contact (org_id, position, user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
    additional_phones, external_id, avatar_url, attributes, search_text, created_at, updated_at, anonymized_at)
VALUES (1, nextval('user_position'), '\x22222222222222220000000000000001', 'Ann', NULL, NULL, NULL, 'Ann@example.org', NULL, '+4915112345678',
    '["+4915112345679"]', 'crm-1', NULL, '{"23232323-2323-2323-2323-232323232323":"gold"}', 'ann', 1760000000000000,
    1760000000000000, NULL);

INSERT INTO directory_counter (org_id, directory, slot, users) VALUES (1, 1, 5, 1);

INSERT INTO user_search (org_id, position, windows) SELECT org_id, position, array_to_tsvector(ARRAY[
    '_QKnC_WxLQ', '_QKnvk.0rJ', '_QKnvkEqSJ'
]) FROM contact;

INSERT INTO contact_identifier (org_id, kind, key, user_id)
VALUES (1, 'email', 'ann@example.org', '\x22222222222222220000000000000001');
INSERT INTO contact_identifier (org_id, kind, key, user_id)
VALUES (1, 'phone', '+4915112345678', '\x22222222222222220000000000000001');
INSERT INTO contact_identifier (org_id, kind, key, user_id)
VALUES (1, 'phone', '+4915112345679', '\x22222222222222220000000000000001');

INSERT INTO attribute_definition (org_id, definition_id, entity, identifier, label, description, input, is_required,
    is_archived, is_deactivated, created_at, updated_at)
VALUES (1, '\x23232323232323232323232323232323', 'contact', 'tier', 'Tier', NULL, '{"type":"text","placeholder":null}', 0, 0, 0,
    1760000000000000, NULL);

INSERT INTO contact_conversation (org_id, conversation_id, user_id, kind, channel, direction, state, state_changed_at,
    assignment, queue, parent_id, link_kind, transport_expires_at, details, attributes, digest, created_at, updated_at,
    anonymized_at)
VALUES (1, 17, '\x22222222222222220000000000000001', 'Chat', 'WidgetChat', 'Inbound', 'Closed', NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, '\x24242424242424242424242424242424', 1760000000000000, 1760000000000000, NULL);

INSERT INTO contact_message (org_id, message_id, conversation_id, user_id, sender, content, digest, created_at, updated_at,
    anonymized_at)
VALUES (1, '\x25252525252525252525252525252525', 17, '\x22222222222222220000000000000001', 'Ann', 'Hello',
    '\x24242424242424242424242424242424', 1760000000000000, 1760000000000000, NULL);

INSERT INTO anonymization_request (org_id, request_id, entity, target, requested_by, initiated_at, processed_at)
VALUES (1, '\x26262626262626262626262626262626', 'conversation', '18', '\x20202020202020202020202020202020', 1760000000000000,
    1760000001000000);
