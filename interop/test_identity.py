"""The account at Google Identity Platform that belongs to a user: it goes when the user goes, through outages and kills."""

import json
import secrets

import pytest

from identity_platform import PROJECT, Emulator, Gate
from support import address, clean_environment, eventually, run_denizen

KIND = "identity.delete_account"
# Longer than a job stays with a worker that has died, and than the first two pauses between attempts.
PATIENCE = 60
# The emulator takes its time to start.
pytestmark = pytest.mark.timeout(300)


# One serves all tests but the one that stops it.
@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with Emulator(tmp_path_factory.mktemp("identity") / "emulator") as one:
        yield one


def at(place):
    """Settings that lead to the emulator, or to a gate before it."""
    return f'[identity]\ngoogle_project = "{PROJECT}"\ngoogle_url = "{place.url}"\n'


@pytest.fixture
def org(start, emulator):
    made = start(config=at(emulator)).create_org()
    yield made
    made.close()


def link(org, user_id, account_id, **more):
    path = f"/admin/v1/{org.slug}/user/{user_id}/google_account"
    answer = org.admin.http.put(path, json={"account_id": account_id, **more})
    assert answer.status_code == 204, answer.text


def delete(org, user_id):
    """Deletes a user, which never waits for Google."""
    answer = org.admin.delete(f"/user/{user_id}", timeout=5)
    assert answer.status_code == 200, answer.text
    assert org.admin.user(user_id) is None


def jobs(org):
    listed = json.loads(org.server.command("job", "list", "--org", org.slug, "--json").stdout)
    return [job for job in listed if job["kind"] == KIND]


def waiting(org, attempts=1):
    """The one job, once it has failed so often."""

    def failed():
        found = [job for job in jobs(org) if job["state"] == "waiting" and job["attempts"] >= attempts]
        return found and found[0]["last_error"] and found[0]

    return eventually(failed, seconds=PATIENCE, what=f"the end of attempt {attempts}")


def wait_until_done(org):
    eventually(lambda: jobs(org) == [], seconds=PATIENCE, what="the end of the job")


def assert_discreet(org, *account_ids):
    """What operators read does not say whose account it was."""
    shown = org.server.log() + org.server.output() + org.server.command("job", "list").stdout
    assert [account_id for account_id in account_ids if account_id in shown] == []


def test_the_account_is_deleted_with_its_user_and_no_other(org, emulator):
    theirs, another = emulator.create_account(), emulator.create_account()
    user_id, bystander = org.invite(), org.invite()
    link(org, user_id, theirs)
    link(org, bystander, another)
    delete(org, user_id)
    eventually(lambda: not emulator.has_account(theirs), what="the end of the account")
    wait_until_done(org)
    assert emulator.has_account(another) and org.admin.user(bystander)
    # Deleting once more finds nobody, and asks for nothing.
    assert org.admin.delete(f"/user/{user_id}").status_code == 404
    assert jobs(org) == []
    assert "Google account deleted" in org.server.log()
    assert_discreet(org, theirs, another)


def test_an_account_of_a_tenant_is_deleted_there(org, emulator):
    tenant = emulator.create_tenant()
    account_id = emulator.create_account()
    emulator.create_account(tenant, account_id)
    user_id = org.invite()
    link(org, user_id, account_id, tenant=tenant)
    delete(org, user_id)
    eventually(lambda: not emulator.has_account(account_id, tenant), what="the end of the tenant's account")
    wait_until_done(org)
    assert emulator.has_account(account_id), "the project's own account has the same id and is another one"


def test_an_account_that_was_ingested_is_deleted_like_one_that_was_linked(org, emulator):
    account_id, user_id = emulator.create_account(), secrets.token_hex(12)
    record = {"type": "user", "user_id": user_id, "email": address(), "first_name": "Ada", "last_name": "Lovelace"}
    line = json.dumps({**record, "google_account": {"account_id": account_id}})
    answer = org.admin.http.post(f"/admin/v1/{org.slug}/ingest", content=line + "\n")
    assert answer.status_code == 200 and org.admin.user(user_id), answer.text
    delete(org, user_id)
    eventually(lambda: not emulator.has_account(account_id), what="the end of the account")
    wait_until_done(org)
    assert_discreet(org, account_id)


def test_only_the_account_that_a_user_has_at_last_is_deleted(org, emulator):
    before, after = emulator.create_account(), emulator.create_account()
    user_id = org.invite()
    link(org, user_id, before)
    link(org, user_id, after)
    delete(org, user_id)
    eventually(lambda: not emulator.has_account(after), what="the end of the account")
    wait_until_done(org)
    assert emulator.has_account(before)


def test_an_account_that_is_gone_already_ends_the_job_at_its_first_attempt(org, emulator):
    user_id = org.invite()
    link(org, user_id, "neverThere1")
    delete(org, user_id)
    wait_until_done(org)
    assert "there is no such Google account" in org.server.log()
    assert "it will be tried again" not in org.server.log()
    assert_discreet(org, "neverThere1")


def test_an_outage_delays_the_deletion_and_nobody_who_asks_for_it(start, emulator):
    gate = Gate(emulator)
    org = start(config=at(gate)).create_org()
    account_id, user_id = emulator.create_account(), org.invite()
    link(org, user_id, account_id)
    delete(org, user_id)
    place = f"127.0.0.1:{gate.port}"
    refused = f"no connection to Google's Identity Toolkit at {place}: connection refused"
    assert waiting(org)["last_error"] == refused
    assert "it will be tried again" in org.server.log() and emulator.has_account(account_id)

    gate.open()
    wait_until_done(org)
    assert not emulator.has_account(account_id)
    assert_discreet(org, account_id)
    org.close()
    gate.shut()


@pytest.mark.timeout(500)
def test_a_deletion_outlives_the_end_of_both_processes(start, tmp_path):
    with Emulator(tmp_path / "emulator") as emulator:
        org = start(config=at(emulator)).create_org()
        account_id, user_id = emulator.create_account(), org.invite()
        link(org, user_id, account_id)
        emulator.stop()
        delete(org, user_id)
        job = waiting(org)
        org.server.kill()
        assert [(left["job_id"], left["state"]) for left in jobs(org)] == [(job["job_id"], "waiting")]

        emulator.start()
        assert emulator.has_account(account_id)
        org.server.start()
        wait_until_done(org)
        assert not emulator.has_account(account_id)
        assert_discreet(org, account_id)
        org.close()


def test_a_deletion_waits_for_settings_that_are_missing(start, emulator):
    running = start()
    org = running.create_org()
    account_id = emulator.create_account()
    user_id = org.invite()
    link(org, user_id, account_id)
    delete(org, user_id)
    assert "identity.google_credentials" in waiting(org)["last_error"]
    running.kill()
    assert emulator.has_account(account_id)

    running.env = clean_environment(
        DENIZEN_IDENTITY_GOOGLE_PROJECT=PROJECT, DENIZEN_IDENTITY_GOOGLE_URL=emulator.url
    )
    running.start()
    wait_until_done(org)
    assert not emulator.has_account(account_id)
    assert_discreet(org, account_id)
    org.close()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ('google_project = "acme-users"', "identity.google_credentials is missing"),
        ('google_credentials = "/nowhere/key.json"', "identity.google_credentials names /nowhere/key.json"),
        ('google_url = "http://google.example"', "identity.google_url must begin with https://"),
        ('google_projekt = "acme-users"', "the nearest known key is `identity.google_project`"),
    ],
)
def test_settings_that_cannot_work_stop_the_start_by_name(tmp_path, settings, complaint):
    (tmp_path / "denizen.toml").write_text(f"[identity]\n{settings}\n")
    for command in ("config", "serve"):
        done = run_denizen(command, "--data", tmp_path, check=False)
        assert done.returncode != 0 and complaint in done.stderr, done.stderr
