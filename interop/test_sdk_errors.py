"""The client's error classes, its retry after a 401 and what it reads from an error's body."""

import inspect
import socket
import time
from contextlib import contextmanager

import amigo_sdk
import amigo_sdk.errors
import pytest
from amigo_sdk.models import GetUsersParametersQuery, UserCreateInvitedUserRequest, UserUpdateUserInfoRequest

from support import Sdk, address, eventually, grant

UNKNOWN_ID = "0123456789abcdef01234567"


def invitation(**changes):
    fields = {"first_name": "A", "last_name": "B", "email": address(), "role_name": "DefaultUserRole"}
    return UserCreateInvitedUserRequest(**{**fields, **changes})


def second_key(org):
    """Another API key, so that revoking it does not lock the administrator out."""
    # The administrator's own role: a key signs in only users of a lesser role than its own.
    answer = org.admin.post(
        "/organization/api_key/",
        {"name": "second", "duration": "P30D", "role_name": "DefaultAdministratorRole"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_taken_address_is_a_conflict(sdk):
    body = invitation()
    sdk.users.create_user(body)
    with pytest.raises(amigo_sdk.ConflictError) as caught:
        sdk.users.create_user(body)
    assert caught.value.status_code == 409
    assert isinstance(caught.value.response_body["detail"], str)
    # The SDK takes the message from `detail`, so it must be a text for people.
    assert caught.value.args[0] == caught.value.response_body["detail"]


def test_an_unknown_role_is_not_found(sdk):
    with pytest.raises(amigo_sdk.NotFoundError) as caught:
        sdk.users.create_user(invitation(role_name="NoSuchRole"))
    assert caught.value.status_code == 404


@pytest.mark.parametrize("user_id", [UNKNOWN_ID, "not-an-id", "x" * 200, "Ünïcode"])
def test_an_unknown_or_malformed_user_id_is_not_found(sdk, user_id):
    calls = [
        lambda: sdk.users.update_user(user_id, UserUpdateUserInfoRequest(first_name="Z")),
        lambda: sdk.users.delete_user(user_id),
        lambda: sdk.users.get_user_model(user_id),
    ]
    for call in calls:
        with pytest.raises(amigo_sdk.NotFoundError) as caught:
            call()
        assert caught.value.status_code == 404


def test_a_bad_sort_field_is_a_validation_error(sdk):
    with pytest.raises(amigo_sdk.ValidationError) as caught:
        sdk.users.get_users(GetUsersParametersQuery(sort_by=["+shoe_size"]))
    assert caught.value.status_code == 422
    assert caught.value.response_body["detail"][0]["loc"][:2] == ["query", "sort_by"]


def test_a_blank_name_is_a_validation_error(sdk):
    with pytest.raises(amigo_sdk.ValidationError) as caught:
        sdk.users.create_user(invitation(first_name="  "))
    assert caught.value.response_body["detail"][0]["loc"] == ["body", "first_name"]


def test_a_missing_permission_is_forbidden(kind, org):
    # Who sees everybody but may change nobody is told so; who does not see them hears "not found".
    member = org.member(org.role("User:GetUserInfo"))
    target = org.invite()
    with Sdk(kind, member.settings()) as sdk, pytest.raises(amigo_sdk.ForbiddenError) as caught:
        sdk.users.delete_user(target)
    assert caught.value.status_code == 403


def test_a_wrong_key_fails_at_the_sign_in(kind, admin):
    for change in ({"api_key": "wrong"}, {"user_id": UNKNOWN_ID}, {"organization_id": "no-such-org"}):
        with Sdk(kind, {**admin.settings(), **change}) as sdk, pytest.raises(amigo_sdk.AuthenticationError):
            sdk.users.get_users()


def test_a_rejected_token_is_replaced_and_the_same_post_repeated_exactly_once(kind, org, admin):
    key = second_key(org)
    stale = org.sign_in(org.member().user_id, key["api_key_id"], key["api_key"])
    assert admin.delete(f"/organization/api_key/{key['api_key_id']}/").status_code == 200

    # The client's first request carries a token that the server has truly revoked.
    requests, statuses = [], []

    def swap_first(request):
        requests.append(request.method)
        if len(requests) == 1:
            request.headers["Authorization"] = f"Bearer {stale.token}"

    body = invitation()
    observed = {"on_request": swap_first, "on_response": lambda response: statuses.append(response.status_code)}
    with Sdk(kind, admin.settings(), **observed) as sdk:
        created = sdk.users.create_user(body)
    assert requests == ["POST", "POST"] and statuses == [401, 201]
    assert [user["user_id"] for user in admin.users(email=body.email)] == [created.user_id]


def test_a_client_whose_key_is_revoked_gets_an_authentication_error(kind, org, admin):
    key = second_key(org)
    member = org.member(org.role("User:GetUserInfo"))
    settings = {**member.settings(), "api_key_id": key["api_key_id"], "api_key": key["api_key"]}
    with Sdk(kind, settings) as sdk:
        sdk.users.get_users()
        assert admin.delete(f"/organization/api_key/{key['api_key_id']}/").status_code == 200
        with pytest.raises(amigo_sdk.AuthenticationError):
            sdk.users.get_users()


def test_a_key_revoked_on_the_command_line_stops_working_within_seconds(kind, org):
    key = second_key(org)
    member = org.member(org.role("User:GetUserInfo"))
    settings = {**member.settings(), "api_key_id": key["api_key_id"], "api_key": key["api_key"]}
    with Sdk(kind, settings) as sdk:
        sdk.users.get_users()
        org.server.command("key", "revoke", "--org", org.slug, key["api_key_id"])

        def refused():
            try:
                sdk.users.get_users()
            except amigo_sdk.AuthenticationError:
                return True
            return False

        eventually(refused, what="the revocation by another process")


def test_a_deleted_users_client_gets_an_authentication_error(kind, org, admin):
    member = org.member(org.role(grant("User:GetUserInfo")))
    with Sdk(kind, member.settings()) as sdk:
        sdk.users.get_users()
        assert admin.delete(f"/user/{member.user_id}").status_code == 200
        with pytest.raises(amigo_sdk.AuthenticationError):
            sdk.users.get_users()


def test_a_bad_request_is_told_as_such(kind, org, admin):
    # No SDK method can cause a 400, so its mapping is checked on a true answer over raw HTTP.
    answer = admin.post(f"/user/{org.invite()}/variable", {"deletes": [{"name": "not_there"}]})
    with pytest.raises(amigo_sdk.BadRequestError) as caught:
        amigo_sdk.errors.raise_for_status(answer)
    assert caught.value.status_code == 400


@contextmanager
def every_place_taken(caller):
    """Fills the only place of a server with `concurrent_requests = 1` by a request whose body does not come."""
    server = caller.org.server
    head = (
        f"POST /v1/{caller.org.slug}/user/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {caller.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as held:
        held.sendall(head.encode())
        time.sleep(0.3)
        yield


@pytest.fixture
def small(start):
    running = start(config="[limits]\nconcurrent_requests = 1\nbody_read_seconds = 30\n")
    made = running.create_org()
    yield made
    made.close()


def test_a_full_server_is_told_as_unavailable(kind, small):
    with Sdk(kind, small.admin.settings()) as sdk:
        sdk.users.get_users()
        # The SDK does not repeat a POST, so its first answer is the one that counts.
        with every_place_taken(small.admin), pytest.raises(amigo_sdk.ServiceUnavailableError) as caught:
            sdk.users.create_user(invitation())
        assert caught.value.status_code == 503
        assert len(sdk.users.get_users().users) == 1


def test_a_read_that_met_a_full_server_is_repeated_by_the_client_and_then_served(kind, small):
    statuses, taken = [], every_place_taken(small.admin)

    def make_room(response):
        statuses.append(response.status_code)
        if len(statuses) == 2:
            taken.__exit__(None, None, None)

    with Sdk(kind, small.admin.settings(), on_response=make_room) as sdk:
        sdk.users.get_users()
        taken.__enter__()
        assert len(sdk.users.get_users().users) == 1
    assert statuses[:2] == [200, 503] and statuses[-1] == 200


def test_every_error_class_of_the_client_has_its_test():
    classes = inspect.getmembers(amigo_sdk.errors, inspect.isclass)
    found = {name for name, value in classes if value.__module__ == "amigo_sdk.errors"}
    shown = {
        "BadRequestError",
        "AuthenticationError",
        "ForbiddenError",
        "NotFoundError",
        "ConflictError",
        "ValidationError",
        "RateLimitError",
        "ServiceUnavailableError",
    }
    # The base class, and what a server must never cause: a 500, and a body that the models refuse.
    assert found - shown == {"AmigoError", "ServerError", "SDKInternalError"}
