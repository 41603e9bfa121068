"""Lists of 3,000 users: every user exactly once, whatever the order and whatever happens meanwhile."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from amigo_sdk.models import GetUsersParametersQuery

from support import Sdk, locations

CROWD = 3000
SORTS = [
    [],
    *[[sign + name] for name in ("first_name", "last_name", "email") for sign in "+-"],
    *[[sign + "user_stats." + name] for name in ("num_conversations", "num_messages") for sign in "+-"],
    ["+user_stats.last_message_time"],
    ["-user_stats.last_message_time"],
    ["+last_name", "-first_name"],
    ["-user_stats.num_messages", "+first_name", "-email"],
]


def invite_many(admin, emails):
    def invite(email):
        number = int(email.partition("@")[0].rpartition("-")[2])
        # Few different names, so that every page border falls between equal sort keys.
        body = {
            "first_name": f"First{number % 7}",
            "last_name": f"Last{number % 11:02}",
            "email": email,
            "role_name": "DefaultUserRole",
        }
        answer = admin.post("/user/", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["user_id"]

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(invite, emails))


@pytest.fixture(scope="module")
def crowd(server):
    """An organization of CROWD users, the administrator among them."""
    org = server.create_org()
    invite_many(org.admin, [f"person-{number}@example.com" for number in range(CROWD - 1)])
    yield org
    org.close()


def pages(caller, **params):
    token = 0
    while True:
        answer = caller.get("/user/", params={**params, "continuation_token": token})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body["users"]
        if not body["has_more"]:
            assert body["continuation_token"] is None
            return
        token = body["continuation_token"]
        assert type(token) is int and 0 < token < 2**53


def keys_of(user):
    return {
        "first_name": user["first_name"],
        "last_name": user["last_name"],
        "email": user["email"],
        "user_stats.num_conversations": user["user_stats"]["num_conversations"],
        "user_stats.num_messages": user["user_stats"]["num_messages"],
        "user_stats.last_message_time": user["user_stats"]["last_message_time"] or "",
    }


def assert_sorted(users, sort_by):
    for earlier, later in itertools.pairwise(map(keys_of, users)):
        for entry in sort_by:
            sign, name = entry[0], entry[1:]
            if earlier[name] != later[name]:
                assert (earlier[name] < later[name]) == (sign == "+"), (entry, earlier, later)
                break


@pytest.mark.parametrize("sort_by", SORTS, ids=lambda sort: ",".join(sort) or "unsorted")
def test_every_user_comes_once_and_in_order(crowd, sort_by):
    users = list(itertools.chain.from_iterable(pages(crowd.admin, limit=250, sort_by=sort_by)))
    assert len(users) == CROWD
    assert len({user["user_id"] for user in users}) == CROWD
    assert_sorted(users, sort_by)


def test_the_sdk_pages_through_all_users_with_its_own_page_size(kind, crowd):
    found, token = [], 0
    with Sdk(kind, crowd.admin.settings()) as sdk:
        while True:
            page = sdk.users.get_users(GetUsersParametersQuery(sort_by=["+email"], continuation_token=token))
            found += [user.email for user in page.users]
            if not page.has_more:
                break
            assert len(page.users) == 100
            token = page.continuation_token
    assert len(found) == len(set(found)) == CROWD
    assert found == sorted(found)


def test_unsorted_users_come_in_the_order_of_their_creation(crowd):
    first = next(pages(crowd.admin, limit=1))[0]
    assert first["user_id"] == crowd.made["member_id"]
    once = [user["user_id"] for page in pages(crowd.admin, limit=600) for user in page]
    again = [user["user_id"] for page in pages(crowd.admin, limit=77) for user in page]
    assert once == again


@pytest.mark.parametrize("sort_by", [[], ["+email"], ["-first_name", "+last_name"]], ids=str)
def test_paging_loses_and_repeats_nobody_while_others_come_and_go(server, sort_by):
    org = server.create_org()
    emails = [f"stay-{number}@example.com" for number in range(400)]
    stays = set(invite_many(org.admin, emails))
    leaves = invite_many(org.admin, [f"leave-{number}@example.com" for number in range(200)])
    done = threading.Event()

    def churn():
        for number, user_id in enumerate(leaves):
            if done.is_set():
                return
            assert org.admin.delete(f"/user/{user_id}").status_code == 200
            invite_many(org.admin, [f"come-{number}@example.com"])

    with ThreadPoolExecutor(1) as pool:
        churning = pool.submit(churn)
        try:
            for _ in range(3):
                seen = [user["user_id"] for page in pages(org.admin, limit=25, sort_by=sort_by) for user in page]
                assert len(seen) == len(set(seen))
                assert stays <= set(seen)
        finally:
            done.set()
        churning.result()
    org.close()


def test_the_page_size_is_600_unless_asked_and_never_more(crowd):
    assert len(crowd.admin.users()) == 600
    assert len(crowd.admin.users(limit=600)) == 600
    assert len(crowd.admin.users(limit=7)) == 7
    assert ("query", "limit") in locations(crowd.admin.get("/user/", params={"limit": 601}))
    assert ("query", "limit") in locations(crowd.admin.get("/user/", params={"limit": -1}))
    assert ("query", "limit") in locations(crowd.admin.get("/user/", params={"limit": "many"}))


def test_a_limit_of_zero_says_whether_there_is_anything(crowd):
    body = crowd.admin.get("/user/", params={"limit": 0}).json()
    assert body == {"users": [], "has_more": True, "continuation_token": 0}
    nobody = crowd.admin.get("/user/", params={"limit": 0, "email": "nobody@example.com"}).json()
    assert nobody == {"users": [], "has_more": False, "continuation_token": None}


def test_a_limit_of_zero_keeps_the_place_in_the_list(crowd):
    first = crowd.admin.get("/user/", params={"limit": 10, "sort_by": "+email"}).json()
    place = {"sort_by": "+email", "continuation_token": first["continuation_token"]}
    held = crowd.admin.get("/user/", params={"limit": 0, **place}).json()
    assert held["has_more"] is True and held["users"] == []
    onward = crowd.admin.get(
        "/user/", params={"limit": 10, "sort_by": "+email", "continuation_token": held["continuation_token"]}
    ).json()
    assert onward["users"] == crowd.admin.get("/user/", params={"limit": 10, **place}).json()["users"]


@pytest.mark.parametrize("token", ["-1", "next", "1.5", str(2**64)])
def test_a_token_that_never_was_one_is_refused(crowd, token):
    answer = crowd.admin.get("/user/", params={"continuation_token": token})
    assert ("query", "continuation_token") in locations(answer)


def test_a_hand_written_plus_arrives_as_a_space_and_still_sorts(crowd):
    path = f"/v1/{crowd.slug}/user/"
    raw = crowd.admin.http.get(f"{path}?sort_by=+email&limit=20")
    encoded = crowd.admin.http.get(f"{path}?sort_by=%2Bemail&limit=20")
    assert raw.status_code == encoded.status_code == 200
    assert raw.json()["users"] == encoded.json()["users"]


@pytest.mark.parametrize("field", ["+shoe_size", "email", "", "+", "*email", "+email;drop", "+user_stats"])
def test_an_unknown_sort_field_or_a_missing_sign_is_refused(crowd, field):
    refused = locations(crowd.admin.get("/user/", params={"sort_by": field}))
    assert any(place[:2] == ("query", "sort_by") for place in refused)


def test_filters_are_joined_by_and_and_their_values_by_or(crowd):
    emails = [f"PERSON-{number}@Example.COM" for number in (1, 2, 3)]
    found = crowd.admin.users(email=emails)
    assert {user["email"] for user in found} == {f"person-{number}@example.com" for number in (1, 2, 3)}
    ids = [user["user_id"] for user in found[:2]]
    assert {user["user_id"] for user in crowd.admin.users(user_id=ids)} == set(ids)
    assert {user["user_id"] for user in crowd.admin.users(user_id=ids * 2, email=emails)} == set(ids)
    assert crowd.admin.users(user_id=ids[0], email="person-9@example.com") == []
    assert crowd.admin.users(user_id="no-such-id") == []
    assert any(
        place[:2] == ("query", "email") for place in locations(crowd.admin.get("/user/", params={"email": "not mail"}))
    )


def test_a_filter_by_id_reaches_past_the_page_size(crowd):
    ids = [user["user_id"] for page in pages(crowd.admin, limit=600) for user in page][::60]
    found = list(itertools.chain.from_iterable(pages(crowd.admin, limit=20, user_id=ids, sort_by="-email")))
    assert {user["user_id"] for user in found} == set(ids) and len(found) == len(ids)


def test_the_verified_filter_divides_the_organization(org, admin):
    verified, waiting = org.invite(), org.invite()
    org.verify(verified)
    assert {user["user_id"] for user in admin.users(is_verified="true")} == {verified, org.made["member_id"]}
    for no in ("false", "0", "no"):
        assert [user["user_id"] for user in admin.users(is_verified=no)] == [waiting]
    assert [user["is_verified"] for user in admin.users(user_id=[waiting, verified])].count(True) == 1
    assert ("query", "is_verified") in locations(admin.get("/user/", params={"is_verified": "perhaps"}))
