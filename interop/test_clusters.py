"""One process over three databases of two engines: organizations live side by side, and one database dies and comes back."""

import json
import time
from urllib.parse import urlsplit

import httpx
import pytest

import stores
from clusters import Cluster
from support import Org, Sdk, Server, address, eventually, unique
from test_organization import new_organization

pytestmark = pytest.mark.engine("postgres", reason="one of the databases that it needs is PostgreSQL's")

# PostgreSQL is waited for as long as `postgres.patience_seconds` says, and a machine may be busy with other tests.
PATIENCE_SECONDS = 2
ANSWER_SECONDS = 15
CONFIG = f"[postgres]\npatience_seconds = {PATIENCE_SECONDS}\n"


@pytest.fixture
def far(tmp_path):
    made = Cluster(tmp_path / "postgres.log", "fsync=on", "full_page_writes=on")
    yield made
    made.remove()


def without_password(url, file):
    """The URL with the password in a file, as the control store takes it."""
    parts = urlsplit(url)
    file.write_text(parts.password + "\n")
    place = f"{parts.username}@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=place, query=f"password_file={file}").geturl()


def create_org_in(server, cluster):
    """As `Server.create_org`, in a cluster."""
    slug, email = unique("org"), address("admin")
    arguments = ["--name", slug, "--admin-email", email, "--cluster", cluster, "--json"]
    return Org(server, json.loads(server.command("org", "create", slug, *arguments).stdout), email)


def clusters(server):
    return {one["name"]: one for one in json.loads(server.command("cluster", "list", "--json").stdout)}


def metric(server, cluster):
    text = httpx.get(server.url + "/metrics", trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith(f'denizen_cluster_up{{cluster="{cluster}"}}')]
    return lines[0].split()[-1] if lines else None


@pytest.mark.timeout(180)
def test_organizations_of_three_databases_and_one_that_dies_and_comes_back(far, tmp_path):
    with Server(tmp_path / "data", config=CONFIG) as server:
        server.command("cluster", "add", "file", f"sqlite:{tmp_path / 'file.db'}", "--allow-everyone")
        url = stores.create_database(far.url)
        refused = server.command("cluster", "add", "far", url, check=False)
        assert refused.returncode == 2 and "password_file" in refused.stderr and urlsplit(url).password not in refused.stderr
        server.command("cluster", "add", "far", without_password(url, tmp_path / "password"))
        assert server.command("cluster", "check", "all").returncode == 0
        orgs = {name: create_org_in(server, name) for name in ("main", "file", "far")}
        invited = {name: [org.invite()] for name, org in orgs.items()}
        for kind in ("sync", "async"):
            for name, org in orgs.items():
                with Sdk(kind, org.admin.settings()) as client:
                    listed = {user.user_id for user in client.users.get_users().users}
                    assert listed == {org.admin.user_id, *invited[name]}, f"{kind} {name}"
        assert {name: one["organizations"] for name, one in clusters(server).items()} == dict.fromkeys(orgs, 1)
        places_by_header(server, orgs)

        far.crash()
        begun = time.monotonic()
        lost = orgs["far"].admin.get("/user/", timeout=ANSWER_SECONDS)
        assert lost.status_code == 503 and "retry-after" in lost.headers, lost.text
        assert time.monotonic() - begun < ANSWER_SECONDS
        assert httpx.get(server.url + "/readyz", trust_env=False).status_code == 200
        for name in ("main", "file"):
            invited[name].append(orgs[name].invite())
        eventually(lambda: metric(server, "far") == "0", seconds=30, what="the metric says that the cluster is gone")
        assert (metric(server, "main"), metric(server, "file")) == ("1", "1")
        # Commands go on without it, and say so.
        listed = server.command("org", "list", "--json")
        assert "the cluster far is left out" in listed.stderr
        unseen = [one["org_id"] for one in json.loads(listed.stdout) if "unreachable" in one]
        assert unseen == [orgs["far"].slug]
        assert server.command("cluster", "check", "far", check=False).returncode == 1
        # A server that starts meanwhile serves the others, and warns.
        with Server(tmp_path / "second", config=CONFIG, store=server.place[-1]) as second:
            headers = {"Authorization": f"Bearer {orgs['file'].admin.token}"}
            path = f"/v1/{orgs['file'].slug}/user/"
            assert httpx.get(second.url + path, headers=headers, trust_env=False).status_code == 200
            eventually(lambda: "a cluster does not answer" in second.log(), seconds=30, what="the warning")
            far.start()
            for one in (server, second):
                eventually(lambda one=one: metric(one, "far") == "1", seconds=30, what="the metric says that it is back")
                headers = {"Authorization": f"Bearer {orgs['far'].admin.token}"}
                path = f"/v1/{orgs['far'].slug}/user/"
                answer = httpx.get(one.url + path, headers=headers, trust_env=False, timeout=ANSWER_SECONDS)
                assert answer.status_code == 200, answer.text
        invited["far"].append(orgs["far"].invite())
        for name, org in orgs.items():
            assert {user["user_id"] for user in org.admin.users()} == {org.admin.user_id, *invited[name]}
            org.close()


def places_by_header(server, orgs):
    """Who may place organizations there does, and a cluster that a caller must not see is one that is not there."""
    admin = orgs["main"].admin

    def place(cluster, slug):
        headers = {"X-ORG-ID": orgs["main"].slug, "x-mongo-cluster-name": cluster}
        return admin.http.put(f"/v1/{slug}/organization/", json=new_organization(), headers=headers)

    slug = unique("placed")
    hidden, unknown = place("far", slug), place("nowhere", slug)
    assert (hidden.status_code, hidden.content) == (404, unknown.content) == (unknown.status_code, hidden.content)
    assert place("file", slug).status_code == 201
    assert json.loads(server.command("org", "show", slug, "--json").stdout)["cluster"] == "file"
    # Of an organization that is there the header says nothing.
    assert admin.get("/user/", headers={"x-mongo-cluster-name": "nowhere"}).status_code == 200
