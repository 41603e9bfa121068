"""What docs/native.md tells a platform to paste does what is said there."""

import json
import os
import re
import subprocess
import sys

import httpx

from support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "native.md").read_text()


def blocks(kind, text=PAGE):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SECTION = PAGE[PAGE.index("## A platform's credentials") : PAGE.index("## Taking records in")]
FUNCTIONS, WITHOUT_USERS, WITH_USERS, TOKEN = blocks("sh", SECTION)
[LINES] = blocks("json lines")
[PYTHON] = blocks("python")
RECORDS = [json.loads(line) for line in LINES.splitlines()]


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
        status, [user, *others, last] = ingest(org, headers)
        assert status == 200 and user["problem"]["code"] == "forbidden", user
        assert {line["result"] for line in others} == {"created" if "X-API-KEY" in headers else "unchanged"}
        assert last["summary"]["refused"] == 1
    # The key acts as nobody else, and its user reads nothing.
    member = org.member()
    for user in (org.admin.user_id, member.user_id):
        assert ingest(org, key_headers(variables, user))[0] == 401
    url = f"{org.server.url}/v1/{org.slug}"
    for path in ("/user/", "/role/", "/organization/api_key/", f"/user/{member.user_id}/external_event"):
        answer = httpx.get(url + path, headers=key_headers(variables), trust_env=False)
        shown = answer.status_code == 200 and any(answer.json().values())
        assert not shown and answer.status_code in (200, 403, 404), f"{path}: {answer.text}"


def test_a_platform_that_sends_users(org, tmp_path):
    variables = paste(org, tmp_path, FUNCTIONS, WITHOUT_USERS, WITH_USERS, TOKEN)
    headers = key_headers(variables)
    # The page's line of a user names every field but `google_account`.
    status, lines = ingest(org, headers)
    assert status == 200 and [line["result"] for line in lines[:-1]] == ["created"] * len(RECORDS), lines
    assert {line["type"] for line in lines[:-1]} == {
        "user", "conversation", "message", "memory", "user_model", "external_event", "contact",
        "attribute_definition", "contact_conversation", "contact_message",
    }  # fmt: skip
    assert ingest(org, headers)[1][-1]["summary"] == {
        "lines": len(RECORDS), "created": 0, "updated": 0, "unchanged": len(RECORDS), "refused": 0
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
