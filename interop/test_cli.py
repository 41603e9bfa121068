"""The commands of the binary, alone and beside a running server."""

import json
import re
import shlex
import stat
import subprocess

import pytest

import stores
from cockpit import Cockpit, Realm
from dixa_clients import dixa_client
from support import REPOSITORY, Server, address, clean_environment, eventually, run_denizen, unique


def curl_calls(text):
    """The pasteable curl commands in a text, continuation lines joined."""
    joined = text.replace("\\\n", " ")
    return [line.strip().removeprefix("$ ") for line in joined.splitlines() if re.match(r"\s*(\$ )?curl ", line)]


def test_the_demo_prints_an_address_credentials_once_and_calls_that_work(tmp_path):
    with Server(tmp_path / "data", "--demo") as running:
        shown = eventually(lambda: curl_calls(running.output()) and running.output(), what="the printed calls")
        assert running.url in shown
        answers = []
        # A token of eva's lives for minutes: it is fetched once, for the calls behind it.
        (fetch,) = re.findall(r"^\s*(TOKEN=\$\(curl .*\))$", shown, re.MULTILINE)
        for call in curl_calls(shown):
            line = f"{fetch}; {call}" if "$TOKEN" in call else call
            done = subprocess.run(
                ["bash", "-c", line], capture_output=True, text=True, timeout=30, env=clean_environment()
            )
            assert done.returncode == 0, f"{call}: {done.stderr}"
            answers += [json.loads(line) for line in done.stdout.splitlines()]
            assert not {"detail", "message"} & set(answers[-1]), done.stdout
        assert any(answer.get("users") for answer in answers), "one of the calls lists users"
        assert any(answer.get("result") == "created" for answer in answers), "one of the calls takes a record in"
        (operators,) = [answer for answer in answers if "totalElements" in answer]
        assert operators["totalElements"] == 40 and len(operators["content"]) == 3
        (uploaded,) = [answer for answer in answers if "errors" in answer]
        assert [one["message"] for one in uploaded["errors"]] == [
            "The bot does not belong to the environment", "The email is already in use"
        ]  # fmt: skip
        contacts = [answer for answer in answers if "data" in answer]
        counts = [len(answer["data"]) for answer in contacts]
        assert counts == [3, 1, 4], "two of the calls list contacts, one by an address, and one that one's conversations"
        assert contacts[1]["data"][0]["email"] == "alice.bennett@mail.example.com"
        assert {talk["requesterId"] for talk in contacts[2]["data"]} == {contacts[1]["data"][0]["id"]}
        assert "a burst of" not in shown, "it was started with --no-rate-limits"
        settings = dict(re.findall(r"\b(AMIGO_[A-Z_]+)=['\"]?([^\s'\"]+)", shown))
        assert set(settings) == {
            "AMIGO_API_KEY",
            "AMIGO_API_KEY_ID",
            "AMIGO_USER_ID",
            "AMIGO_ORGANIZATION_ID",
            "AMIGO_BASE_URL",
        }
        assert shown.count(settings["AMIGO_API_KEY"]) >= 1 and settings["AMIGO_API_KEY"] not in running.log()
        assert settings["AMIGO_ORGANIZATION_ID"] == "demo"
        check_demo_people(settings)
        check_demo_knowledge(running, settings)
        (token,) = re.findall(r"\bexport DENIZEN_DIXA_TOKEN=['\"]?([^\s'\"]+)", shown)
        (password,) = re.findall(r"\bexport DENIZEN_OPERATOR_PASSWORD=(\S+)", shown)
        assert token not in running.log() and password not in running.log()
        check_demo_help_desk(running, token)
        (org_uuid,) = re.findall(r"\bexport DENIZEN_ORG_UUID=(\S+)", shown)
        check_demo_operators(running, org_uuid, operators["content"], password)
    with Server(tmp_path / "data", "--demo") as again:
        second = again.output()[len(shown) :] + again.log()
        assert settings["AMIGO_API_KEY"] not in second and "AMIGO_API_KEY=" not in second
        assert token not in second and "DENIZEN_DIXA_TOKEN=" not in second and password not in second


def check_demo_people(settings):
    from amigo_sdk import AmigoClient
    from amigo_sdk.models import GetUsersParametersQuery

    found, token = [], 0
    keys = {name.removeprefix("AMIGO_").lower(): value for name, value in settings.items()}
    with AmigoClient(**keys, trust_env=False) as client:
        while True:
            page = client.users.get_users(GetUsersParametersQuery(continuation_token=token))
            found += page.users
            if not page.has_more:
                break
            token = page.continuation_token
    assert 200 <= len(found) <= 2000
    names = "".join(user.first_name + user.last_name for user in found)
    scripts = {"Latin": "[A-Za-z]", "Cyrillic": "[а-яА-Я]", "Han": "[\u4e00-\u9fff]", "Arabic": "[\u0600-\u06ff]"}
    present = [name for name, letters in scripts.items() if re.search(letters, names)]
    assert len(present) >= 3, f"only {present}"


def check_demo_knowledge(running, settings):
    headers = {f"X-{name}": settings[f"AMIGO_{name.replace('-', '_')}"] for name in ("API-KEY", "API-KEY-ID", "USER-ID")}
    with running.client(headers=headers) as http:
        talkative = http.get("/v1/demo/user/", params={"sort_by": "-user_stats.num_messages"}).json()["users"]
        most = talkative[0]
        assert most["user_stats"]["num_conversations"] > 1 and most["user_stats"]["last_message_time"]
        assert talkative[-1]["user_stats"]["num_messages"] == 0
        about = f"/v1/demo/user/{most['user_id']}"
        memories = http.get(f"{about}/memory").json()["memories"]
        assert len(memories) == most["user_stats"]["num_conversations"]
        assert http.get(f"{about}/user_model").json()["user_models"]
        events = [http.get(f"/v1/demo/user/{user['user_id']}/external_event").json() for user in talkative[:10]]
        assert any(found["external_events"] for found in events)


def check_demo_help_desk(running, token):
    client = dixa_client(running, token, retry_delay=0)
    contacts = client.v1.EndUser.list_({"pageLimit": 100})
    assert 200 <= len(contacts) <= 2000 and len(client.seen) > 2
    entities = {definition["entityType"] for definition in client.v1.CustomAttribute.list()}
    assert entities == {"Contact", "Conversation"}
    assert any(contact["customAttributes"] for contact in contacts)
    kinds, states = set(), set()
    for contact in contacts[:60]:
        page = client.client.get(f"{running.url}/v1/endusers/{contact['id']}/conversations", expected=list)
        kinds |= {talk["_type"] for talk in page}
        states |= {talk["state"] for talk in page}
    assert len(kinds) == 10 and {"Open", "Closed"} <= states, (kinds, states)


def check_demo_operators(running, org_uuid, some, password):
    (email,) = re.findall(r"\bexport DENIZEN_OPERATOR_EMAIL=(\S+)", running.output())
    admin = Cockpit(running, org_uuid, Realm(running, "demo").sign_in(email, password))
    everybody = admin.page(linesPerPage=1000)["content"]
    assert {user["uuid"] for user in some} <= {user["uuid"] for user in everybody}
    roles = {one["role"] for user in everybody for one in user["environments"]}
    assert roles == {"SUPERVISOR", "EDITOR", "VIEWER"} and any(user["admin"] for user in everybody)
    environments = {one["environment"]["uuid"] for user in everybody for one in user["environments"]}
    whole = [admin.user(user["uuid"]) for user in everybody[:20]]
    assert len(environments) > 1 and any(one["bots"] for user in whole for one in user["environments"])


def test_demo_people_are_the_same_on_every_machine(tmp_path):
    people = []
    for name in ("one", "two"):
        with Server(tmp_path / name, "--demo") as running:
            shown = eventually(lambda running=running: "AMIGO_API_KEY=" in running.output() and running.output())
            keys = dict(re.findall(r"\bAMIGO_([A-Z_]+)=['\"]?([^\s'\"]+)", shown))
            headers = {
                "X-API-KEY": keys["API_KEY"],
                "X-API-KEY-ID": keys["API_KEY_ID"],
                "X-USER-ID": keys["USER_ID"],
            }
            with running.client(headers=headers) as http:
                users = http.get("/v1/demo/user/", params={"sort_by": "+email"}).json()["users"]
            people.append([(user["first_name"], user["last_name"], user["email"]) for user in users])
            token = re.search(r"\bDENIZEN_DIXA_TOKEN=['\"]?([^\s'\"]+)", shown)[1]
            with running.client(headers={"Authorization": token}) as http:
                people.append(http.get("/v1/endusers?pageLimit=1000").json())
    assert people[:2] == people[2:]


def test_an_organization_made_beside_a_running_server_is_usable_at_once(server):
    org = server.create_org()
    assert {"org_id", "org_uuid", "member_id", "api_key_id", "api_key", "dixa_token_id", "dixa_token"} <= set(org.made)
    assert {"operator_email", "operator_password"} <= set(org.made)
    assert [user["email"] for user in org.admin.users()] == [org.admin_email]
    assert org.admin.users()[0]["is_verified"] is True
    org.close()


def test_an_organization_can_be_made_before_the_first_start(tmp_path):
    server = Server(tmp_path / "data")
    org = server.create_org("early")
    with server:
        assert org.admin.get("/organization/").json()["org_id"] == "early"
    org.close()


def test_organizations_are_listed_and_shown_without_secrets(org):
    listed = org.server.command("org", "list", "--json").stdout
    assert org.slug in listed
    shown = org.server.command("org", "show", org.slug).stdout
    assert org.slug in shown
    for text in (listed, shown):
        assert org.made["api_key"] not in text


def test_the_role_for_tokens_of_fewer_rights_is_made_as_the_page_says(org, tmp_path):
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    (block,) = re.findall(r"^```sh\n(curl [^`]*?ContactReader.*?)^```$", page, re.MULTILINE | re.DOTALL)
    paste, command = block.strip().split("\ndenizen ")
    settings = {
        "AMIGO_API_KEY": org.admin.api_key,
        "AMIGO_API_KEY_ID": org.admin.api_key_id,
        "AMIGO_USER_ID": org.admin.user_id,
        "AMIGO_ORGANIZATION_ID": org.slug,
        "AMIGO_BASE_URL": org.server.url,
    }
    done = subprocess.run(
        ["bash", "-c", paste], capture_output=True, text=True, timeout=30, env={**clean_environment(), **settings}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    arguments = shlex.split(command.replace("$AMIGO_ORGANIZATION_ID", org.slug))
    made = org.server.command(*arguments, "--json")
    assert "warning" not in made.stderr
    token = json.loads(made.stdout)["dixa_token"]
    with org.server.client(headers={"Authorization": token}) as http:
        assert http.get("/v1/endusers").status_code == 200
        assert http.post("/v1/endusers", json={"displayName": "Ann"}).status_code == 403


def test_a_token_made_beside_a_running_server_is_good_at_once_and_for_nothing_once_it_is_revoked(org):
    create = ("key", "create", "--org", org.slug, "--dialect", "dixa", "--name", "desk", "--json")
    made = json.loads(org.server.command(*create).stdout)
    other = json.loads(org.server.command(*create, "--role", "DefaultUserRole", "--days", "3").stdout)
    with org.server.client() as http:

        def status(token):
            return http.get("/v1/endusers", headers={"Authorization": token}).status_code

        assert status(org.made["dixa_token"]) == 200 and status(made["dixa_token"]) == 200
        assert status(other["dixa_token"]) == 403, "that role reads no contacts"
        for path in (f"/v1/{org.slug}/user/", f"/admin/v1/{org.slug}/jobs"):
            refused = http.get(path, headers={"Authorization": f"Bearer {made['dixa_token']}"})
            assert refused.status_code == 401, refused.text
        org.server.command("key", "revoke", "--org", org.slug, "--dialect", "dixa", made["dixa_token_id"])
        eventually(lambda: status(made["dixa_token"]) == 401, what="the end of the token")
        assert status(org.made["dixa_token"]) == 200
    listed = json.loads(org.server.command("key", "list", "--org", org.slug, "--dialect", "dixa", "--json").stdout)
    assert [found["dixa_token_id"] for found in listed] == [org.made["dixa_token_id"], other["dixa_token_id"]]


def test_commands_tell_the_other_dialects_credentials_from_their_own(org):
    revoke = ("key", "revoke", "--org", org.slug)
    wrong = org.server.command(*revoke, org.made["dixa_token_id"], check=False)
    assert wrong.returncode == 1 and "--dialect dixa" in wrong.stderr
    wrong = org.server.command(*revoke, "--dialect", "dixa", org.made["api_key_id"], check=False)
    assert wrong.returncode == 1 and org.made["api_key_id"] in wrong.stderr and "panicked" not in wrong.stderr


def test_a_taken_slug_a_bad_one_and_an_unknown_one_are_errors_that_help(org):
    arguments = ("--name", "X", "--admin-email", address())
    taken = org.server.command("org", "create", org.slug, *arguments, check=False)
    assert taken.returncode != 0 and org.slug in taken.stderr
    bad = org.server.command("org", "create", "Not A Slug/", *arguments, check=False)
    assert bad.returncode != 0 and bad.stderr.strip()
    unknown = org.server.command("org", "show", unique("nobody"), check=False)
    assert unknown.returncode != 0 and unknown.stderr.strip()
    for done in (taken, bad, unknown):
        assert done.stdout == "" and "panicked" not in done.stderr


def test_an_unknown_setting_names_the_nearest_known_one(tmp_path):
    for text, nearest in (
        ("lisen = '127.0.0.1:0'\n", "listen"),
        ("[limits]\nbody_byte = 5000\n", "body_bytes"),
        ("[mial]\nfrom = 'a@example.com'\n", "mail"),
    ):
        file = tmp_path / "denizen.toml"
        file.write_text(text)
        done = run_denizen("serve", "--data", tmp_path / "data", "--config", file, check=False)
        assert done.returncode not in (0, None) and nearest in done.stderr, done.stderr
    done = run_denizen("config", check=False, env=clean_environment(DENIZEN_LIMITS_BODY_BYTE="5000"))
    assert done.returncode != 0 and "DENIZEN_LIMITS_BODY_BYTES" in done.stderr


def test_a_setting_out_of_bounds_or_of_a_wrong_type_is_named(tmp_path):
    for text, key in (
        ("[limits]\nbody_bytes = 1\n", "body_bytes"),
        ("[limits]\nbody_bytes = 'big'\n", "body_bytes"),
        ("listen = 'nowhere'\n", "listen"),
    ):
        file = tmp_path / "denizen.toml"
        file.write_text(text)
        done = run_denizen("config", "--config", file, check=False)
        assert done.returncode != 0 and key in done.stderr and "panicked" not in done.stderr


def test_flags_stand_above_variables_and_those_above_the_file(tmp_path):
    file = tmp_path / "denizen.toml"
    file.write_text("[limits]\nbody_bytes = 2000\njson_depth = 20\n")
    env = clean_environment(DENIZEN_LIMITS_BODY_BYTES="3000", DENIZEN_DATA=str(tmp_path / "from-variable"))
    shown = run_denizen("config", "--config", file, "--data", tmp_path / "from-flag", env=env).stdout
    assert re.search(r"body_bytes\s*=\s*3000\b", shown) and re.search(r"json_depth\s*=\s*20\b", shown)
    assert "from-flag" in shown and "from-variable" not in shown


def test_the_printed_configuration_masks_secrets(tmp_path):
    file = tmp_path / "denizen.toml"
    file.write_text('[mail]\nsmtp_url = "smtp://mailer:hunter-2-secret@mail.example.com:587"\nfrom = "d@example.com"\n')
    shown = run_denizen("config", "--config", file)
    assert "hunter-2-secret" not in shown.stdout + shown.stderr
    assert "smtp_url" in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_printed_and_those_of_bash_load(shell):
    script = run_denizen("completions", shell).stdout
    assert "denizen" in script and "serve" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=30)


def test_the_checked_in_openapi_document_is_the_binarys(server):
    printed = run_denizen("openapi", "amigo").stdout
    assert printed.strip() == (REPOSITORY / "docs/api/amigo.json").read_text().strip()
    with server.client() as http:
        assert http.get("/docs/amigo/openapi.json").json() == json.loads(printed)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "serve",
        "org",
        "org create",
        "org list",
        "org show",
        "org set",
        "operator add",
        "operator list",
        "operator set-password",
        "key create",
        "key list",
        "key revoke",
        "openapi",
        "config",
        "completions",
        "check",
    ],
)
def test_every_command_has_help_with_an_example(command):
    shown = run_denizen(*command.split(), "--help").stdout
    assert "Usage:" in shown
    if command not in ("org",):
        assert "Example" in shown


def test_no_arguments_show_the_help_and_a_slip_is_corrected():
    assert "serve" in run_denizen(check=False).stderr + run_denizen(check=False).stdout
    slip = run_denizen("srve", check=False)
    assert slip.returncode != 0 and "serve" in slip.stderr


def test_a_port_in_use_is_told_with_the_address(server, tmp_path):
    place = ["--data", tmp_path / "data", *stores.arguments(tmp_path / "data")]
    done = run_denizen("serve", *place, "--listen", f"127.0.0.1:{server.port}", check=False)
    assert done.returncode != 0 and str(server.port) in done.stderr and "panicked" not in done.stderr


def test_the_integrity_check_is_clean_beside_a_running_server_and_fails_on_a_contradiction(start):
    running = start()
    org = running.create_org()
    for number in range(20):
        org.invite(first_name=f"number{number}")
    running.command("check")
    running.stop()
    running.command("check")
    assert stores.execute(running.data, "DELETE FROM signing_key") > 0
    told = running.command("check", "--json", check=False)
    assert told.returncode == 1 and "ERROR" in told.stderr and "hint:" not in told.stderr, told.stderr
    found = json.loads(told.stdout)
    assert [finding["kind"] for finding in found["findings"]] == ["signing"] and found["clusters"] == ["main"]
    clean = json.loads(running.command("check", "--json").stdout)
    assert clean["findings"] == [] and clean["counts"]["organizations"] == 1
    assert stores.execute(running.data, "DELETE FROM users WHERE first_name = 'number7'") == 1
    contradictory = running.command("check", check=False)
    assert contradictory.returncode == 1 and contradictory.stderr.strip() + contradictory.stdout.strip()
    as_json = running.command("check", "--json", check=False)
    assert as_json.returncode == 1 and not as_json.stderr and json.loads(as_json.stdout)["findings"], as_json.stderr
    org.close()


@pytest.mark.engine("sqlite", reason="where the pages of PostgreSQL lie is its server's business, and so is their check")
def test_the_integrity_check_fails_on_a_damaged_file(start):
    running = start()
    org = running.create_org()
    for _ in range(20):
        org.invite()
    running.stop()
    database = max(running.data.glob("*.db"), key=lambda path: path.stat().st_size)
    content = bytearray(database.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    database.write_bytes(content)
    damaged = running.command("check", check=False)
    assert damaged.returncode != 0 and damaged.stderr.strip() + damaged.stdout.strip()
    org.close()


def test_the_data_folder_is_for_its_owner_only(server):
    assert stat.S_IMODE(server.data.stat().st_mode) & 0o077 == 0
