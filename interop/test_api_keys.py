"""API keys: shown once, at most twenty, gone at once when deleted."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from amigo_sdk.generated.model import (
    OrganizationCreateApiKeyResponse,
    OrganizationDeleteApiKeyResponse,
    OrganizationGetApiKeysResponse,
)

from support import grant, locations

PATH = "/organization/api_key/"


def create(caller, **changes):
    body = {"name": " nightly ", "duration": "P30D", "role_name": "DefaultUserRole", **changes}
    return caller.post(PATH, {name: value for name, value in body.items() if value is not ...})


def test_a_key_is_created_listed_and_deleted_by_its_uuid(org, admin):
    answer = create(admin)
    assert answer.status_code == 201 and set(answer.json()) == {"api_key_id", "api_key", "expires_at"}
    made = OrganizationCreateApiKeyResponse.model_validate_json(answer.text)
    assert str(uuid.UUID(made.api_key_id)) == made.api_key_id
    left = made.expires_at - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)

    listed = admin.get(PATH)
    keys = {key.key_id: key for key in OrganizationGetApiKeysResponse.model_validate_json(listed.text).api_keys}
    assert set(keys) == {made.api_key_id, org.made["api_key_id"]}
    key = keys[made.api_key_id]
    assert (key.name, key.org_id, key.expires_at) == ("nightly", org.slug, made.expires_at)
    assert (key.creator.user_id, key.creator.org_id) == (org.made["member_id"], org.slug)
    assert key.role_id == org.roles()["DefaultUserRole"]["id"] and key.field_id != key.key_id
    assert made.api_key not in listed.text and "hash" not in listed.text

    gone = admin.delete(f"{PATH}{made.api_key_id}/")
    assert gone.status_code == 200
    assert OrganizationDeleteApiKeyResponse.model_validate_json(gone.text).deleted_key_id == made.api_key_id
    assert {item["key_id"] for item in admin.get(PATH).json()["api_keys"]} == {org.made["api_key_id"]}
    assert admin.delete(f"{PATH}{made.api_key_id}/").status_code == 404


@pytest.mark.parametrize("key_id", ["5c0f4b1e-6a0e-4f6f-9d53-0d8a3b0c7e21", "0" * 24])
def test_deleting_an_unknown_key_is_not_found(admin, key_id):
    assert admin.delete(f"{PATH}{key_id}/").status_code == 404


def test_the_twenty_first_key_is_a_bad_request(org, admin):
    made = [create(admin) for _ in range(19)]
    assert {answer.status_code for answer in made} == {201}
    refused = create(admin)
    assert refused.status_code == 400 and isinstance(refused.json()["detail"], str)
    assert admin.delete(f"{PATH}{made[0].json()['api_key_id']}/").status_code == 200
    assert create(admin).status_code == 201


def test_a_deleted_key_and_its_tokens_lose_access_at_once(org, admin):
    made = create(admin, role_name="DefaultAdministratorRole").json()
    caller = org.sign_in(org.member().user_id, made["api_key_id"], made["api_key"])
    assert caller.get("/user/").status_code == 200
    with org.server.client(headers=caller.key_headers()) as direct:
        assert direct.get(f"/v1/{org.slug}/user/").status_code == 200
        assert admin.delete(f"{PATH}{made['api_key_id']}/").status_code == 200
        assert direct.get(f"/v1/{org.slug}/user/").status_code == 401
    assert caller.get("/user/").status_code == 401
    assert caller.post("/user/signin_with_api_key", headers=caller.key_headers()).status_code == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ...}, "name"),
        ({"name": " "}, "name"),
        ({"duration": ...}, "duration"),
        ({"duration": "P91D"}, "duration"),
        ({"duration": "PT23H"}, "duration"),
        ({"duration": "-P3D"}, "duration"),
        ({"duration": "30 days"}, "duration"),
        ({"duration": "30d"}, "duration"),
        ({"duration": "2w 3d"}, "duration"),
        ({"duration": "P"}, "duration"),
        ({"duration": ""}, "duration"),
        ({"duration": "+P3D"}, "duration"),
        ({"duration": 3}, "duration"),
        ({"role_name": 5}, "role_name"),
    ],
    ids=str,
)
def test_an_invalid_key_request_names_the_field(admin, changes, field):
    assert any(place[:2] == ("body", field) for place in locations(create(admin, **changes)))


@pytest.mark.parametrize("duration", ["P1D", "P90D", "PT24H", "P12W", "P1DT12H"])
def test_durations_in_iso_8601_from_one_to_ninety_days_are_accepted(admin, duration):
    assert create(admin, duration=duration, name=None).status_code == 201


def test_a_key_without_a_role_has_the_administrators(org, admin):
    made = create(admin, role_name=...).json()
    keys = {key["key_id"]: key for key in admin.get(PATH).json()["api_keys"]}
    assert keys[made["api_key_id"]]["role_id"] == org.roles()["DefaultAdministratorRole"]["id"]
    assert create(admin, role_name="nobody").status_code == 404


def test_a_key_signs_in_only_users_of_a_lesser_role(org, admin):
    made = create(admin, role_name="DefaultAdministratorRole").json()
    equal = org.invite(role="DefaultAdministratorRole")
    lesser = org.invite(role="DefaultUserRole")
    for user_id, status in ((equal, 401), (org.made["member_id"], 401), (lesser, 200)):
        org.verify(user_id)
        headers = {"X-API-KEY": made["api_key"], "X-API-KEY-ID": made["api_key_id"], "X-USER-ID": user_id}
        assert admin.post("/user/signin_with_api_key", headers=headers).status_code == status


def test_key_operations_need_their_permissions(org, admin):
    caller = org.member(org.role("User:GetUserInfo"))
    assert create(caller).status_code == 403
    assert caller.get(PATH).json() == {"api_keys": []}
    # To whom deleting was never granted the answer is the same whatever the path names.
    for key_id in (org.made["api_key_id"], str(uuid.uuid4()), "no-uuid"):
        assert caller.delete(f"{PATH}{key_id}/").status_code == 403
    assert len(admin.get(PATH).json()["api_keys"]) == 1


def test_a_key_that_is_not_seen_is_not_found_and_one_that_is_seen_but_not_granted_is_forbidden(org, admin):
    open_key, shown, hidden = (create(admin).json()["api_key_id"] for _ in range(3))
    seen = {"type": "In", "values": [open_key, shown]}
    caller = org.member(
        org.role(grant("Organization:GetAPIKey", key_id=seen), grant("Organization:DeleteAPIKey", key_id=open_key))
    )
    assert {key["key_id"] for key in caller.get(PATH).json()["api_keys"]} == {open_key, shown}
    for key_id, status in ((shown, 403), (hidden, 404), (str(uuid.uuid4()), 404), (open_key, 200)):
        assert caller.delete(f"{PATH}{key_id}/").status_code == status


def test_a_key_made_on_the_command_line_works_beside_the_running_server(org):
    import json

    arguments = ("--org", org.slug, "--role", "DefaultAdministratorRole", "--name", "cli", "--days", "7", "--json")
    made = json.loads(org.server.command("key", "create", *arguments).stdout)
    caller = org.sign_in(org.member().user_id, made["api_key_id"], made["api_key"])
    assert caller.get("/user/").status_code == 200
    listed = org.server.command("key", "list", "--org", org.slug, "--json").stdout
    assert made["api_key_id"] in listed and made["api_key"] not in listed
