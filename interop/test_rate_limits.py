"""The contract's rate limits, with a server that has them on.

A window may end between two calls, so no test counts on one call being in the same minute as another:
it calls until the limit answers and demands only that this was neither too early nor too late.
"""

import time

import amigo_sdk
import pytest
from amigo_sdk import parse_rate_limit_headers

from support import Sdk, address


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    from support import Server

    with Server(tmp_path_factory.mktemp("limited") / "data", rate_limits=True) as running:
        yield running


@pytest.fixture
def limited_org(limited):
    made = limited.create_org()
    yield made
    made.close()


def call_until_refused(call, limit):
    """Repeats a call until it answers 429; two windows at the most can have been touched."""
    for count in range(2 * limit + 1):
        answer = call()
        if answer.status_code == 429:
            assert count >= limit, f"refused after {count} of {limit} calls"
            return answer
    raise AssertionError(f"never refused in {2 * limit + 1} calls")


def assert_refusal(answer, limit):
    assert answer.status_code == 429
    assert isinstance(answer.json()["detail"], str)
    info = parse_rate_limit_headers(answer.headers)
    assert info is not None and info.limit == limit and info.remaining == 0
    assert 0 <= info.reset.timestamp() - time.time() <= 61
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_the_sixth_sign_in_of_a_minute_is_refused(limited, limited_org):
    made = limited_org.made
    headers = {"X-API-KEY": made["api_key"], "X-API-KEY-ID": made["api_key_id"], "X-USER-ID": made["member_id"]}
    with limited.client(headers=headers) as http:
        refused = call_until_refused(lambda: http.post(f"/v1/{limited_org.slug}/user/signin_with_api_key"), 5)
    assert_refusal(refused, 5)


def test_memories_are_asked_for_forty_times_a_minute(limited_org):
    admin = limited_org.admin
    refused = call_until_refused(lambda: admin.get(f"/user/{admin.user_id}/memory"), 40)
    assert_refusal(refused, 40)
    assert admin.get(f"/user/{admin.user_id}/user_model").status_code == 200


def test_answers_count_down_in_headers_that_the_sdk_parses(limited_org):
    seen = []
    with Sdk("sync", limited_org.admin.settings(), on_response=lambda response: seen.append(response.headers)) as sdk:
        for _ in range(3):
            sdk.users.get_users()
    infos = [parse_rate_limit_headers(headers) for headers in seen]
    assert all(info is not None and info.limit == 60 for info in infos)
    downward = [later.remaining - earlier.remaining for earlier, later in zip(infos, infos[1:], strict=False)]
    assert -1 in downward, "at least two of three calls in a row share a window"


def test_the_client_raises_its_rate_limit_error_with_the_headers_at_hand(kind, limited_org):
    seen = []
    settings = limited_org.admin.settings()
    # One attempt: the client's own patience of up to 30 s per retry is not what is tested here.
    hooks = {"on_response": lambda response: seen.append(response), "retry_max_attempts": 1}
    with Sdk(kind, settings, **hooks) as sdk, pytest.raises(amigo_sdk.RateLimitError) as caught:
        for _ in range(2 * 60 + 1):
            sdk.users.get_users()
    assert caught.value.status_code == 429
    assert_refusal(seen[-1], 60)


def test_limits_are_counted_per_operation_and_per_organization(limited, limited_org):
    admin = limited_org.admin
    call_until_refused(lambda: admin.get("/organization/user_dimensions/"), 20)
    assert admin.get("/role/").status_code == 200
    neighbour = limited.create_org()
    assert neighbour.admin.get("/organization/user_dimensions/").status_code == 200
    neighbour.close()


def test_all_keys_of_an_organization_share_its_limit(limited_org):
    admin = limited_org.admin
    key = admin.post("/organization/api_key/", {"name": None, "duration": "P1D"}).json()
    member = limited_org.invite(role=limited_org.role("Organization:GetOrganizationDetails"), email=address())
    limited_org.verify(member)
    other = limited_org.sign_in(member, key["api_key_id"], key["api_key"])
    for _ in range(2):
        call_until_refused(lambda: admin.get("/organization/user_dimensions/"), 20)
        shared = other.get("/organization/user_dimensions/").status_code
        if shared == 429:
            break
    # Only a window that ended between the two calls lets the first try through.
    assert shared == 429


def test_a_server_without_limits_sends_no_limit_headers(admin):
    for _ in range(8):
        answer = admin.post("/user/signin_with_api_key", headers=admin.key_headers())
        assert answer.status_code == 200
        assert "x-ratelimit-limit" not in answer.headers
