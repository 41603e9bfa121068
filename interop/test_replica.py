"""Two processes that may read on a hot standby: what each wrote is there at once, and the standby's death fails nothing."""

import httpx
import pytest

import stores
from clusters import Cluster
from support import Server, address, eventually

pytestmark = pytest.mark.engine("postgres", reason="SQLite has no standby")

# So long that only the test decides when the standby is behind.
CONFIG = '[postgres]\nreplica = "{}"\nreplica_lag_seconds = 3600\nread_connections = 1\nlong_read_connections = 1\n'


@pytest.fixture
def pair(tmp_path):
    primary = Cluster(tmp_path / "primary.log")
    try:
        standby = primary.standby(tmp_path / "standby.log")
        yield primary, standby
        standby.remove()
    finally:
        primary.remove()


def reads(server):
    """How many reads the replica has answered for a process."""
    metrics = httpx.get(server.url + "/metrics", trust_env=False).text
    name = 'denizen_replica_reads_total{cluster="main"} '
    (line,) = (line for line in metrics.splitlines() if line.startswith(name))
    return int(line.removeprefix(name))


def users(server, org, **params):
    answer = httpx.get(
        f"{server.url}/v1/{org.slug}/user/",
        params=params,
        headers={"Authorization": f"Bearer {org.admin.token}"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return {user["user_id"] for user in answer.json()["users"]}


def until_used(server, org):
    def is_used():
        before = reads(server)
        users(server, org)
        users(server, org, user_id=org.admin.user_id)
        return reads(server) == before + 2

    eventually(is_used, what="reads on the replica")


def test_what_a_process_wrote_it_reads_at_once_and_a_dead_replica_fails_no_read(pair, tmp_path):
    primary, standby = pair
    store = stores.create_database(primary.url)
    replica = store.replace(f":{primary.port}/", f":{standby.port}/")
    config = CONFIG.format(replica)
    with (
        Server(tmp_path / "one", config=config, store=store) as one,
        Server(tmp_path / "two", config=config, store=store) as two,
    ):
        org = one.create_org()
        for server in (one, two):
            until_used(server, org)

        with standby.administrator() as other:
            other.execute("SELECT pg_wal_replay_pause()")
            paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
            eventually(lambda: other.execute(paused).fetchone()[0], what="the pause")
            for _ in range(5):
                new = org.invite(email=address("new"))
                assert new in users(one, org)
                assert users(one, org, user_id=new) == {new}
            assert new not in users(two, org), "the other process reads on the replica"
            assert users(two, org, user_id=new) == set()
            other.execute("SELECT pg_wal_replay_resume()")
        eventually(lambda: new in users(two, org), what="the new user on the replica")

        standby.crash()
        for server in (one, two):
            for _ in range(20):
                assert new in users(server, org)
                assert users(server, org, user_id=new) == {new}
            assert httpx.get(server.url + "/readyz", trust_env=False).status_code == 200
        assert org.invite(email=address("later")) in users(one, org)
        standby.start()
        for server in (one, two):
            until_used(server, org)
        shown = one.command("config", "--config", str(tmp_path / "one.toml")).stdout
        assert "********@127.0.0.1" in shown and replica not in shown
        org.close()
