"""PgBouncer between denizen and PostgreSQL: it works with whole sessions, and is refused with single transactions."""

import os
import secrets
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import stores
from support import Server, eventually, free_port, run_denizen, unique

pytestmark = pytest.mark.engine("postgres", reason="SQLite has no server to pool connections to")


@contextmanager
def pooled(mode, data):
    """The URL of a data folder's database, by way of a PgBouncer."""
    direct = urlsplit(stores.arguments(data)[-1])
    port = free_port()
    # Not below a test's own folder: PgBouncer refuses to run as root, and another user may not look there.
    folder = Path("/tmp") / f"denizen-pooler.{secrets.token_hex(6)}"
    folder.mkdir()
    (folder / "users.txt").write_text(f'"{direct.username}" "{direct.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={direct.hostname} port={direct.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {folder}/users.txt\n"
        f"pool_mode = {mode}\ndefault_pool_size = 40\n"
    )
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "scripts/postgres.sh install installs PgBouncer"
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with (folder / "log").open("wb") as log:
        pooler = subprocess.Popen([program, folder / "pgbouncer.ini"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, **user)
    try:
        eventually(lambda: answers(port), what=f"PgBouncer: {(folder / 'log').read_text()}")
        yield direct._replace(netloc=f"{direct.username}:{direct.password}@127.0.0.1:{port}").geturl()
    finally:
        pooler.kill()
        pooler.wait()
        shutil.rmtree(folder)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_behind_a_pooler_of_sessions_every_organization_reads_its_own(tmp_path):
    with pooled("session", tmp_path / "data") as url, Server(tmp_path / "data", store=url) as server:
        orgs = [server.create_org() for _ in range(3)]
        expected = {org.slug: {org.invite() for _ in range(3)} | {org.admin.user_id} for org in orgs}
        with ThreadPoolExecutor(max_workers=12) as threads:
            for org, listed in threads.map(lambda number: read(orgs[number % 3]), range(60)):
                assert listed == expected[org.slug]
        server.command("check")


def read(org):
    return org, {user["user_id"] for user in org.admin.users()}


def test_a_pooler_that_hands_out_single_transactions_is_refused_in_words_that_say_what_to_do(tmp_path):
    with pooled("transaction", tmp_path / "data") as url:
        place = ["--data", tmp_path / "data", "--store", url]
        arguments = ["--name", "One", "--admin-email", "ada@example.com"]
        # The second one may already meet what the first has prepared.
        for reasons in (["hands out single transactions"], ["hands out single transactions", "42P05"]):
            refused = run_denizen("org", "create", unique("org"), *arguments, *place, check=False)
            assert refused.returncode == 1, refused.stdout
            assert "pool_mode to session" in refused.stderr, refused.stderr
            assert any(reason in refused.stderr for reason in reasons), refused.stderr
