INSERT INTO replica_proof (only_row, life, proof) VALUES (1, '7/00000001', '9f1c2a60-0000-4000-8000-000000000001');
