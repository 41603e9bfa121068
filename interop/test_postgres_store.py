"""A store in PostgreSQL, from the command line: refusals say what to do, and nothing shows the password."""

from urllib.parse import urlsplit

import pytest

import stores
from support import clean_environment, free_port, run_denizen

pytestmark = pytest.mark.engine("postgres", reason="these are about the URL and what PostgreSQL answers")

CREATE = ["org", "create", "acme", "--name", "A", "--admin-email", "a@example.com"]


@pytest.fixture
def url(tmp_path):
    """An empty database. Made for a data folder, so that it is dropped after the test."""
    return stores.arguments(tmp_path / "data")[1]


def refused(url, *command):
    impatient = clean_environment(DENIZEN_POSTGRES_PATIENCE_SECONDS="1")
    done = run_denizen(*command, "--store", url, check=False, env=impatient)
    assert done.returncode == 1, done.stdout
    error, hint = done.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ") and hint.startswith("hint: "), done.stderr
    assert urlsplit(url).password not in done.stderr + done.stdout
    return error, hint


@pytest.mark.parametrize(
    "command",
    [["org", "list"], ["org", "show", "acme"], ["key", "list", "--org", "acme"], ["job", "list"], ["check"]],
    ids=" ".join,
)
def test_commands_about_a_database_that_holds_nothing_make_nothing(url, command):
    for _ in range(2):
        error, hint = refused(url, *command)
        assert "has no tables of denizen" in error and "denizen org create" in hint


def test_an_organization_is_made_in_an_empty_database_and_no_data_folder_beside_it(url, tmp_path):
    run_denizen(*CREATE, "--store", url, cwd=tmp_path)
    assert "acme" in run_denizen("org", "list", "--store", url, cwd=tmp_path).stdout
    assert "no problems" in run_denizen("check", "--store", url, cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [CREATE, ["org", "list"]], ids=["create", "list"])
def test_what_is_wrong_with_the_way_to_a_database_is_said_with_what_to_do(url, command):
    parts = urlsplit(url)
    port = f":{parts.port}"
    for broken, said, advised in [
        (url.replace(parts.password, "pa55"), "password authentication failed", "user or password"),
        (parts._replace(path="/nowhere").geturl(), '"nowhere" does not exist', "CREATE DATABASE"),
        (url.replace(port, f":{free_port()}"), "refused", "PostgreSQL must run"),
        (f"{url}?sslmode=require", "TLS", "sslmode=disable"),
        (f"{url}?target_session_attrs=read-only", "read only", "primary"),
    ]:
        error, hint = refused(broken, *command)
        assert said in error and advised in hint, (broken, error, hint)


def test_of_several_hosts_one_that_answers_is_used(url):
    parts = urlsplit(url)
    several = url.replace(f"@127.0.0.1:{parts.port}", f"@127.0.0.1:{free_port()},127.0.0.1:{parts.port}")
    assert several != url
    run_denizen(*CREATE, "--store", several)
    assert "acme" in run_denizen("org", "list", "--store", url).stdout
