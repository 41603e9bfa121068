-- Rows as a denizen of schema version 1 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO organization (org_uuid, slug, cluster, parent_org_id, created_at)
VALUES ('\x03030303030303030303030303030303', 'acme', 'main', NULL, 1760000000000000);

INSERT INTO organization_profile (org_id, name, title, main_description, sub_description, onboarding, user_dimensions,
    default_preferences, verify_at_creation, unverified_sign_in, allowed_origins, updated_at)
VALUES (1, 'Acme', '', '', '', '[]', '[]', NULL, TRUE, FALSE, '["https://app.example.com"]', 1760000000000000);

INSERT INTO role (org_id, role_id, name, description, frontend_view, grants, is_super, created_at, updated_at)
VALUES (1, '\x070707070707070707070707', 'Agent', '', 'client', '[]', FALSE, 1760000000000000, 1760000000000000);

INSERT INTO directory_counter (org_id, directory, slot, users) VALUES (1, 0, 5, 2), (1, 0, 6, -1);

INSERT INTO users (org_id, directory, user_id, position, email, email_key, first_name, last_name, first_key, last_key,
    search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context, created_api_key,
    created_at, updated_at)
VALUES (1, 0, '\x00000000000000010000000000000000', nextval('user_position'), 'Ada@example.com', 'ada@example.com', 'Ada', 'Lovelace', 'ada', 'lovelace',
    'ada lovelace' || chr(1) || 'ada@example.com', '\x070707070707070707070707', TRUE, '{}', '{}', '{}', '[]', TRUE,
    1760000000000000, 1760000000000000);

INSERT INTO user_search (org_id, position, windows) VALUES (1, 1, array_to_tsvector(ARRAY[
    'LN4o41dWsY', 'LN4o41dWti', 'LN4o9mA_xQ', 'LN4o9mo0cK', 'LN4oFI2yfj', 'LN4oFIQ1A0', 'LN4oFId5D1',
    'LN4oK1u0U0', 'LN4oKMUY6z', 'LN4oMVl67O', 'LN4oMqWrn8', 'LN4oMqnf7b', 'LN4oRu7VFJ', 'LN4oRux0.k',
    'LN4oT39TFY', 'LN4oT3FnCI', 'LN4oT3jRh0', 'LN4oT3tBH0', 'LN4o_isp_0', 'LN4oe_h9DP', 'LN4oeh31GK',
    'LN4on3prPW', 'LN4oxC.l_G', 'LN4oxC5hJF', 'LN4oxC7SzO', 'LN4oxCLR7Z', 'LN4oxCuG6l'
]));

INSERT INTO api_key (org_id, key_id, record_id, name, secret_hash, role_id, creator_org_id, creator_user_id, created_at,
    updated_at, expires_at)
VALUES (1, '\x05050505050505050505050505050505', '\x060606060606060606060606', 'a key', '\x0808080808080808080808080808080808080808080808080808080808080808', '\x070707070707070707070707', 1, '\x00000000000000010000000000000000', 1760000000000000, 1760000000000000,
    1790000000000000);

INSERT INTO link (org_id, secret_hash, user_id, purpose, redirect, expires_at)
VALUES (1, '\x0909090909090909090909090909090909090909090909090909090909090909', '\x00000000000000010000000000000000', 'verify',
    'https://app.example.com', 1790000000000000);

INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at, updated_at)
VALUES (1, '\x040404040404040404040404', 'mail', '\x00000000000000010000000000000000', '{}', 'waiting', 0, 1760000000000000, 0, 1760000000000000,
    1760000000000000);

INSERT INTO user_tombstone (org_id, user_id, directory, deleted_at) VALUES (1, '\x02020202020202020202020202020202', 0, 1760000000000000);
