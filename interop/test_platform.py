"""What docs/native.md tells a platform to paste does what is said there."""

import json
import os
import re
import subprocess
import sys
import uuid

import httpx

from desk import Desk, phone, select_definition, text_definition
from support import REPOSITORY, clean_environment
from test_dixa_conversations import VARIANTS

PAGE = (REPOSITORY / "docs" / "native.md").read_text()


def blocks(kind, text=PAGE):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SECTION = PAGE[PAGE.index("## A platform's credentials") : PAGE.index("## Taking records in")]
FUNCTIONS, WITHOUT_USERS, HELP_DESK, WITH_USERS, TOKEN = blocks("sh", SECTION)
[LINES] = blocks("json lines")
[PYTHON, COPY] = blocks("python")
RECORDS = [json.loads(line) for line in LINES.splitlines()]
OF_USERS = ["user", "conversation", "message", "memory", "user_model", "external_event"]
OF_HELP_DESKS = ["attribute_definition", "contact", "contact_conversation", "contact_message"]
OF_THE_REGISTRY = ["environment", "bot"]
# What the smallest key may write of a help desk refers to what it may not.
REFUSED = {
    "user": "forbidden",
    "attribute_definition": "forbidden",
    "contact": "forbidden",
    "contact_conversation": "invalid_field",
    "contact_message": "invalid_field",
    "environment": "forbidden",
    "bot": "forbidden",
}


def paste(org, tmp_path, *scripts):
    """Runs blocks of the page in one shell, and returns the variables that they leave."""
    (tmp_path / "records.ndjson").write_text(LINES)
    settings = {
        "AMIGO_API_KEY": org.admin.api_key,
        "AMIGO_API_KEY_ID": org.admin.api_key_id,
        "AMIGO_USER_ID": org.admin.user_id,
        "AMIGO_ORGANIZATION_ID": org.slug,
        "AMIGO_BASE_URL": org.server.url,
    }
    script = "\n".join(["set -euo pipefail", *scripts, "env -0 >variables"])
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    variables = (tmp_path / "variables").read_text().split("\0")
    variables = dict(variable.split("=", 1) for variable in variables if variable)
    org.server.confidential |= {variables["PLATFORM_KEY"]}
    return variables


def key_headers(variables, user=None):
    return {
        "X-API-KEY": variables["PLATFORM_KEY"],
        "X-API-KEY-ID": variables["PLATFORM_KEY_ID"],
        "X-USER-ID": user or variables["PLATFORM_USER"],
    }


def ingest(org, headers, text=LINES):
    answer = httpx.post(
        f"{org.server.url}/admin/v1/{org.slug}/ingest",
        content=text.encode(),
        headers={"content-type": "application/x-ndjson", **headers},
        trust_env=False,
    )
    return answer.status_code, [json.loads(line) for line in answer.text.splitlines()]


def test_a_platform_that_sends_no_users(org, tmp_path):
    variables = paste(org, tmp_path, FUNCTIONS, WITHOUT_USERS, TOKEN)
    for headers in (key_headers(variables), {"Authorization": f"Bearer {variables['TOKEN']}"}):
        status, [*lines, last] = ingest(org, headers)
        assert status == 200 and last["summary"]["lines"] == len(RECORDS)
        for line in lines:
            if line["type"] in REFUSED:
                assert line["problem"]["code"] == REFUSED[line["type"]], line
            else:
                assert line["result"] == ("created" if "X-API-KEY" in headers else "unchanged"), line
    # The key acts as nobody else, and its user reads nothing.
    member = org.member()
    for user in (org.admin.user_id, member.user_id):
        assert ingest(org, key_headers(variables, user))[0] == 401
    url = f"{org.server.url}/v1/{org.slug}"
    for path in ("/user/", "/role/", "/organization/api_key/", f"/user/{member.user_id}/external_event"):
        answer = httpx.get(url + path, headers=key_headers(variables), trust_env=False)
        shown = answer.status_code == 200 and any(answer.json().values())
        assert not shown and answer.status_code in (200, 403, 404), f"{path}: {answer.text}"


def test_a_platform_that_sends_contacts(org, tmp_path):
    variables = paste(org, tmp_path, FUNCTIONS, WITHOUT_USERS, HELP_DESK)
    for expected in ("created", "unchanged"):
        status, [user, *others, _] = ingest(org, key_headers(variables))
        assert status == 200 and user["problem"]["code"] == "forbidden", user
        registry = [line for line in others if line["type"] in OF_THE_REGISTRY]
        assert [line["problem"]["code"] for line in registry] == ["forbidden"] * len(OF_THE_REGISTRY), registry
        others = [line for line in others if line not in registry]
        assert {line["result"] for line in others} == {expected}, others
    assert {line["type"] for line in others} == {*OF_USERS, *OF_HELP_DESKS} - {"user"}


def test_a_platform_that_sends_users(org, tmp_path):
    variables = paste(org, tmp_path, FUNCTIONS, WITHOUT_USERS, WITH_USERS, TOKEN)
    headers = key_headers(variables)
    # The page's line of a user names every field but `google_account`.
    of_users = [record for record in RECORDS if record["type"] in OF_USERS]
    text = "\n".join(map(json.dumps, of_users))
    status, lines = ingest(org, headers, text)
    assert status == 200 and [line["result"] for line in lines[:-1]] == ["created"] * len(of_users), lines
    assert [line["type"] for line in lines[:-1]] == OF_USERS
    assert ingest(org, headers, text)[1][-1]["summary"] == {
        "lines": len(of_users), "created": 0, "updated": 0, "unchanged": len(of_users), "refused": 0
    }  # fmt: skip
    # It can act as those whom it makes, as the page warns, and changes nobody above.
    user = RECORDS[0]
    answer = httpx.get(
        f"{org.server.url}/v1/{org.slug}/user/", headers=key_headers(variables, user["user_id"]), trust_env=False
    )
    assert [seen["user_id"] for seen in answer.json()["users"]] == [user["user_id"]]
    for change in (
        {"user_id": org.admin.user_id, "email": "other@example.com"},
        {"role_name": "DefaultAdministratorRole"},
        {"google_account": {"account_id": "abc"}},
    ):
        status, [line, _] = ingest(org, headers, json.dumps({**user, **change}))
        assert line["problem"]["code"] == "forbidden", line
    assert line["problem"]["field"] == ["google_account"] and "Directory:LinkAccount" in line["problem"]["message"]


def test_the_program_of_the_page_sends_a_file_and_tells_why_it_cannot(org, tmp_path):
    variables = paste(org, tmp_path, FUNCTIONS, WITHOUT_USERS)
    run = lambda **other: subprocess.run(
        [sys.executable, "-c", PYTHON], cwd=tmp_path, env={**variables, **other}, capture_output=True, text=True, timeout=60
    )
    done = run()
    assert done.returncode == 0 and done.stdout.startswith("1 {'code': 'forbidden'"), done
    (tmp_path / "records.ndjson").write_text(LINES * 5_000)
    done = run(PLATFORM_KEY="wrong")
    assert done.returncode == 1 and done.stderr.startswith("401: ") and "invalid_credentials" in done.stderr, done


def test_what_the_page_says_one_meets_otherwise(org, tmp_path):
    variables = paste(org, tmp_path, FUNCTIONS, WITHOUT_USERS)
    roles = org.admin.get("/role/", params={"return_permission_grants": True}).json()["roles"]
    grants = next(role for role in roles if role["name"] == "Platform")["permission_grants"]
    misspelt = [{**grants[0], "permission_name": "Directory:IngestRecord"}]
    role = {"role_name": "Typo", "description": "x", "frontend_view": "admin", "permission_grants": misspelt}
    answer = org.admin.post("/role/", role)
    assert answer.status_code == 422 and "Directory:IngestRecords" in answer.text, answer.text
    temporary = {
        "user_id": variables["PLATFORM_USER"], "duration": "PT1H", "permission_grant": misspelt[0],
        "justification": "A test of misspelt names", "tags": {},
    }  # fmt: skip
    answer = org.admin.post("/role/temporary_permission_grant/", temporary)
    assert answer.status_code == 422 and "Directory:IngestRecords" in answer.text, answer.text

    code = lambda headers: (lambda status, lines: (status, lines[0].get("code")))(*ingest(org, headers))
    unverified = org.invite(role="Platform")
    assert code(key_headers(variables, unverified)) == (403, "unverified")
    same = org.admin.post("/organization/api_key/", {"name": None, "duration": "P1D", "role_name": "Platform"}).json()
    headers = {**key_headers(variables), "X-API-KEY": same["api_key"], "X-API-KEY-ID": same["api_key_id"]}
    assert code(headers) == (401, "invalid_credentials")
    org.server.confidential |= {same["api_key"]}
    nobody = org.member(role=org.role())
    assert code(key_headers(variables, nobody.user_id)) == (403, "forbidden")


def test_the_program_of_the_page_moves_a_help_desk_in(org, other_org, tmp_path):
    """From one organization into another, which is then shown as the first is."""
    with Desk(org) as there, Desk(other_org) as here:
        _, of_conversations = definitions = [
            text_definition(is_required=True), select_definition({"device": {"screen": {}}, "bill": {}}, "conversation")
        ]  # fmt: skip
        contacts = [
            {"type": "contact", "contact_id": str(uuid.uuid4()), "external_id": f"crm-{number}", "phone": phone(),
             "email": f"a{number}@example.org", "attributes": {definitions[0]["definition_id"]: "gold"}}
            for number in range(130)
        ]  # fmt: skip
        there.take_in(*definitions, *contacts)
        conversations = [
            {**record, "attributes": {of_conversations["definition_id"]: ["device", "screen"]}}
            for record in RECORDS
            if record["type"] == "contact_conversation"
        ]
        for number, (kind, (channel, details, _)) in enumerate(VARIANTS.items()):
            conversations.append(
                {**conversations[0], "conversation_id": number, "kind": kind, "channel": channel, "details": details}
            )
        for record in conversations:
            record["contact_external_id"] = "crm-7"
        there.take_in(*conversations)

        environment = clean_environment(DIXA_TOKEN=there.token, DIXA_URL=org.server.url, NO_PROXY="*")
        copied = subprocess.run(
            [sys.executable, "-c", COPY], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert copied.returncode == 0 and copied.stderr == "", copied.stderr
        records = [json.loads(line) for line in copied.stdout.splitlines()]
        assert len(records) == len(definitions) + len(contacts) + len(conversations)
        here.take_in(*records)

        by_id = lambda desk, path: sorted(desk.data("GET", path), key=lambda shown: shown["id"])
        for path in ["/custom-attributes", "/endusers?pageLimit=1000"]:
            assert by_id(here, path) == by_id(there, path), path
        for record in conversations:
            path = f"/conversations/{record['conversation_id']}"
            assert here.data("GET", path) == there.data("GET", path), path
        # Run again, nothing is changed.
        assert {line["result"] for line in here.take_in(*records)} == {"unchanged"}
