"""What the client has no method for: external events, which it never knew, and temporary permission grants,
whose answers its models parse."""

import time

from amigo_sdk.generated.model import (
    RoleCreateTemporaryPermissionGrantResponse,
    RoleGetTemporaryPermissionGrantsResponse,
)

from support import eventually, grant, locations

CREATE = "/role/temporary_permission_grant/"
LIST = "/role/temporary_permission_grants/"


def event(number, **changes):
    return {
        "type": f"visit {number % 3}",
        "starts_at": f"2026-03-{1 + number % 28:02}T10:00:00+02:00",
        "ends_at": f"2026-04-{28 - number % 28:02}T10:00:00",
        "description": f"Visit {number}",
        **changes,
    }


def give(caller, user_id, permission_grant, duration):
    body = {
        "user_id": user_id,
        "duration": duration,
        "permission_grant": permission_grant,
        "tags": {"ticket": "4711", "urgent": None},
        "justification": "stands in for a colleague",
    }
    return caller.post(CREATE, body)


def pages(caller, path, name, **params):
    """Every item of a list, page by page."""
    items, token = [], 0
    while token is not None:
        answer = caller.get(path, params={**params, "continuation_token": token})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page[name]
        token = page["continuation_token"]
        assert page["has_more"] == (token is not None)
    return items


def test_events_come_back_in_every_order_and_go_one_by_one(org):
    user = org.member()
    path = f"/user/{user.user_id}/external_event"
    sent = {}
    for number in range(45):
        answer = org.admin.post(path, event(number))
        assert answer.status_code == 201, answer.text
        sent[answer.json()["external_event_id"]] = event(number)

    arrived = pages(org.admin, path, "external_events")
    assert [item["id"] for item in arrived] == list(sent)
    assert arrived[0] == {
        "id": next(iter(sent)),
        "user_id": user.user_id,
        "org_id": org.slug,
        "type": "visit 0",
        "starts_at": "2026-03-01T08:00:00Z",
        "ends_at": "2026-04-28T10:00:00Z",
        "description": "Visit 0",
        "transcript": None,
    }
    for name in ("type", "starts_at", "ends_at"):
        for sign, backwards in (("+", False), ("-", True)):
            found = pages(org.admin, path, "external_events", sort_by=f"{sign}{name}", limit=7)
            assert [item[name] for item in found] == sorted((item[name] for item in arrived), reverse=backwards)
            assert {item["id"] for item in found} == set(sent)

    # The user sees the own events, and changes none of them.
    assert pages(user, path, "external_events") == arrived
    assert user.post(path, event(0)).status_code == 403
    first = arrived[0]["id"]
    assert user.delete(f"{path}/{first}").status_code == 403
    assert org.admin.delete(f"{path}/{first}").status_code == 204
    assert org.admin.delete(f"{path}/{first}").status_code == 404
    assert org.admin.get(path, params={"id": first}).json()["external_events"] == []
    assert len(pages(user, path, "external_events")) == 44


def test_a_transcript_of_a_mebibyte_is_kept_and_a_longer_one_refused(org):
    user_id = org.invite()
    path = f"/user/{user_id}/external_event"
    longest = ("ä\n" * (1 << 19))[: (1 << 20) * 2 // 3]
    longest += "x" * ((1 << 20) - len(longest.encode()))
    assert org.admin.post(path, event(1, transcript=longest)).status_code == 201
    assert org.admin.get(path).json()["external_events"][0]["transcript"] == longest
    assert locations(org.admin.post(path, event(1, transcript=longest + "x"))) == {("body", "transcript")}


def test_a_temporary_grant_ends_by_itself(org):
    role = org.role(grant("User:GetUserInfo", user_id="{self_user_id}"))
    user = org.member(role=role)
    victim = org.invite()
    assert user.delete(f"/user/{victim}").status_code == 404
    answer = give(org.admin, user.user_id, grant("User:GetUserInfo"), "PT3S")
    assert answer.status_code == 201, answer.text
    made = RoleCreateTemporaryPermissionGrantResponse.model_validate_json(answer.text)
    end = made.expires_at.timestamp()
    assert user.user(victim) is not None
    eventually(lambda: user.user(victim) is None, what="the end of the grant")
    assert end <= time.time() < end + 2

    listed = org.admin.get(LIST, params={"user_id": user.user_id, "is_expired": "true", "tag": ["ticket:*", "urgent:"]})
    page = RoleGetTemporaryPermissionGrantsResponse.model_validate_json(listed.text)
    assert [item.field_id for item in page.temporary_permission_grants] == [made.temporary_permission_grant_id]
    assert page.temporary_permission_grants[0].creator.user_id == org.admin.user_id
    assert org.admin.get(LIST, params={"is_expired": "false"}).json()["temporary_permission_grants"] == []


def test_nobody_hands_on_what_was_lent(org):
    role = org.role(grant("User:GetUserInfo"), grant("Role:CreateTemporaryPermissionGrant"))
    user = org.member(role=role)
    assert give(org.admin, user.user_id, grant("User:DeleteUser"), "PT1H").status_code == 201
    assert give(user, user.user_id, grant("User:DeleteUser"), "P365D").status_code == 403
    assert give(user, org.invite(), grant("User:GetUserInfo"), "P1D").status_code == 201
    assert user.delete(f"/user/{org.invite()}").status_code == 200
