INSERT INTO rate_permit (org_id, permit_key, minute, taken, granted) VALUES (1, x'0102', 29333333, 7, 3);
