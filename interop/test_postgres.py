"""PostgreSQL dies with all its processes under a write load, again and again, and denizen goes on by itself."""

import random
import time

import httpx
import pytest

import stores
from clusters import Cluster
from load import Load, everybody
from support import Server, eventually

pytestmark = pytest.mark.engine("postgres", reason="SQLite has no process of its own that could die")

ROUNDS = 6
REQUEST_SECONDS = 5
# A crash recovery of so little data takes a fraction of a second; the rest is for denizen to notice.
BACK_SECONDS = 10


@pytest.fixture
def cluster(tmp_path):
    # It syncs to the disk, because what is demanded is that nothing is lost.
    made = Cluster(tmp_path / "postgres.log", "fsync=on", "full_page_writes=on")
    yield made
    made.remove()


@pytest.mark.timeout(300)
def test_postgres_killed_under_load_loses_no_acknowledged_write_and_denizen_answers_again_by_itself(cluster, tmp_path):
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    config = f"[limits]\nrequest_seconds = {REQUEST_SECONDS}\n"
    with Server(tmp_path / "data", config=config, store=stores.create_database(cluster.url)) as running:
        org = running.create_org()
        acknowledged, doubtful = {org.admin_email: org.admin.user_id}, set()
        for number in range(ROUNDS):
            where = f"round {number}, seed {seed}"
            load = crash(cluster, org, chance, where)
            acknowledged |= load.acknowledged
            doubtful |= load.doubtful
            listed = everybody(org.admin)
            lost = acknowledged.items() - listed.items()
            assert not lost, f"{where}: {len(lost)} acknowledged users are lost: {sorted(lost)[:3]}"
            invented = listed.keys() - acknowledged.keys() - doubtful
            assert not invented, f"{where}: users whom nobody invited: {sorted(invented)[:3]}"
            # What is there now stays there, and what is not never comes.
            acknowledged, doubtful = listed, set()
        running.command("check")
        org.close()


def crash(cluster, org, chance, where):
    """One round: load, crash, a time without a database, restart, load again."""
    process = org.server.process
    with Load(org, seconds=REQUEST_SECONDS + 20) as load:
        # The connections are made when they are first needed, which takes a while on a busy machine.
        eventually(
            lambda: any(call.status == 201 for call in list(load.writes)), seconds=BACK_SECONDS, what=f"{where}: a write"
        )
        time.sleep(chance.uniform(0.2, 0.8))
        killed = time.monotonic()
        cluster.crash()
        time.sleep(chance.uniform(0.2, 1.0))
        assert httpx.get(org.server.url + "/livez", trust_env=False, timeout=5).status_code == 200
        assert httpx.get(org.server.url + "/readyz", trust_env=False, timeout=20).status_code == 503
        cluster.start()
        started = time.monotonic()
        for calls in (load.writes, load.reads):
            good = (200, 201)
            eventually(
                lambda calls=calls: any(call.begun > started and call.status in good for call in list(calls)),
                seconds=BACK_SECONDS,
                what=f"{where}: an answer after the restart, {load.failures[:2]}",
            )
        # Every connection of the pool was broken, and not only the first one may be noticed.
        time.sleep(1)
    assert not load.failures, f"{where}: {load.failures[:3]}"
    assert process.poll() is None, f"{where}: the server ended: {org.server.log()}"
    longest = max(call.ended - call.begun for call in load.writes + load.reads)
    assert longest < 2 * REQUEST_SECONDS, f"{where}: a call took {longest:.1f} s"
    assert any(call.status == 201 and call.ended < killed for call in load.writes), f"{where}: no write before the crash"
    assert any(call.status >= 500 for call in load.writes), f"{where}: the crash met no write"
    late = [call for call in load.writes + load.reads if call.begun > started + BACK_SECONDS and call.status >= 500]
    assert not late, f"{where}: still errors {BACK_SECONDS} s after the restart: {late[:3]}"
    return load
