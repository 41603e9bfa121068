"""Operators made, shown, changed and deleted by a program, with every rule of what they may reach."""

import json
import re
import uuid

import pytest

from cockpit import NOBODY, PASSWORD, Cockpit, bot, environment, person, place, session, told
from support import address, eventually, exchange, unique

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MEMBERS = [
    "uuid",
    "orgUUID",
    "name",
    "email",
    "company",
    "image",
    "admin",
    "environments",
    "createdAt",
    "rules",
]


@pytest.fixture(scope="module")
def viewer(office):
    """One who is no administrator."""
    return office.operator(environments=[place(office.sales, office.seller, role="VIEWER")])


def named(one):
    return {"uuid": one["uuid"], "name": one["name"]}


# ---- Creation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/eva-user", ""])
def test_an_operator_is_made_with_all_that_can_be_said_and_shown_as_made(office, prefix):
    admin = Cockpit(office.server, office.uuid, office.admin.tokens, prefix)
    body = person(
        name="  Grace Hopper ",
        company="Navy",
        image="data:image/png;base64,iVBORw0KGgo=",
        environments=[place(office.sales, office.seller, office.closer), place(office.care, office.carer)],
        favourite="tea",
    )
    answer = admin.post("", body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert list(made) == MEMBERS
    assert str(uuid.UUID(made["uuid"])) == made["uuid"] and made["orgUUID"] == office.uuid
    assert (made["name"], made["email"], made["company"]) == ("Grace Hopper", body["email"], "Navy")
    assert made["image"] == body["image"] and made["admin"] is False and made["rules"] == {"deletable": True}
    assert re.fullmatch(TIME, made["createdAt"])
    reached = {one["environment"]["uuid"]: one for one in made["environments"]}
    assert {one["role"] for one in made["environments"]} == {"EDITOR"} and len(reached) == 2
    assert reached[office.sales["uuid"]]["environment"] == named(office.sales)
    bots = {one["uuid"]: one for one in reached[office.sales["uuid"]]["bots"]}
    assert bots == {one["uuid"]: named(one) for one in (office.seller, office.closer)}
    assert reached[office.care["uuid"]]["bots"] == [named(office.carer)]
    assert admin.user(made["uuid"]) == made
    (listed,) = admin.page(searchTerms=body["email"])["content"]
    shallow = [{name: one[name] for name in ("role", "environment")} for one in made["environments"]]
    assert listed == {**made, "environments": shallow}


def test_bots_may_be_ids_alone_and_entries_of_one_environment_are_taken_together(office):
    entries = [
        {"role": "viewer", "environment": {"uuid": office.sales["uuid"]}, "bots": [office.seller["uuid"]]},
        {"role": "VIEWER", "environment": {"uuid": office.sales["uuid"].upper()}, "bots": [named(office.closer)]},
    ]
    (one,) = office.admin.create(environments=entries)["environments"]
    assert one["role"] == "VIEWER" and {bot["uuid"] for bot in one["bots"]} == {office.seller["uuid"], office.closer["uuid"]}


def test_an_administrator_reaches_everything_and_so_nothing_in_particular(office):
    made = office.admin.create(admin=True, environments=[place(office.sales, office.seller)])
    assert made["admin"] is True and made["environments"] == []
    supervisor = office.admin.create(environments=[place(office.care, role="SUPERVISOR")])
    assert supervisor["environments"] == [{"role": "SUPERVISOR", "environment": named(office.care), "bots": []}]


BREACHES = {
    "no name": ({"name": None}, "name"),
    "blank name": ({"name": "  "}, "name"),
    "long name": ({"name": "x" * 256}, "name"),
    "name of another type": ({"name": 7}, "name"),
    "no address": ({"email": None}, "email"),
    "no address at all": ({"email": unique("no-address")}, "email"),
    "long address": ({"email": "a" * 250 + "@example.com"}, "email"),
    "long company": ({"company": "x" * 256}, "company"),
    "huge image": ({"image": "x" * (256 * 1024 + 1)}, "image"),
    "admin as a text": ({"admin": "yes"}, "admin"),
    "nothing to reach": ({"admin": False}, "environments"),
    "environments as a text": ({"admin": False, "environments": "all"}, "environments"),
    "weak password": ({"password": "secret1", "passwordConfirmation": "secret1"}, "password"),
    "short password": ({"password": "Ab1", "passwordConfirmation": "Ab1"}, "password"),
    "password without confirmation": ({"password": PASSWORD}, "passwordConfirmation"),
    "confirmation without password": ({"passwordConfirmation": PASSWORD}, "password"),
    "another confirmation": ({"password": PASSWORD, "passwordConfirmation": PASSWORD + "x"}, "passwordConfirmation"),
    "another confirmation by its alias": ({"password": PASSWORD, "confirmPassword": PASSWORD + "x"}, "confirmPassword"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_what_is_wrong_is_named_and_makes_nobody(office, breach):
    change, field = BREACHES[breach]
    body = {name: value for name, value in ({**person(), **change}).items() if value is not None}
    assert field in told(office.admin.post("", body), 400)
    assert body.get("email") is None or office.admin.page(searchTerms=body["email"])["totalElements"] == 0
    place = "/password"
    if "password" not in change and "passwordConfirmation" not in change:
        body |= {"password": PASSWORD, "passwordConfirmation": PASSWORD}
    told(office.admin.post(place, body), 400)


def test_what_cannot_be_reached_cannot_be_given(office):
    gone, idle = ({"uuid": str(uuid.uuid4()), "name": name} for name in ("Gone", "Idle"))
    retired = {"uuid": str(uuid.uuid4()), "name": "Retired"}
    office.take_in(environment(gone, is_active=False), environment(idle), bot(retired, idle, is_active=False))
    nowhere, noone = {"uuid": NOBODY}, {"uuid": "no id"}
    wrong = {
        "a role that is none": [place(office.sales, office.seller, role="OWNER")],
        "an administrator's role": [place(office.sales, office.seller, role="ADMIN")],
        "two roles": [place(office.sales, office.seller), place(office.care, role="SUPERVISOR")],
        "no bot": [place(office.sales)],
        "no bot in the second": [place(office.sales, office.seller, role="VIEWER"), place(office.care, role="VIEWER")],
        "an unknown environment": [place(nowhere, office.seller)],
        "what is no id of an environment": [place(noone, office.seller)],
        "an inactive environment": [place(gone, role="SUPERVISOR")],
        "an unknown bot": [place(office.sales, nowhere)],
        "what is no id of a bot": [place(office.sales, noone)],
        "an inactive bot": [place(idle, retired)],
        "a bot of another environment": [place(office.sales, office.carer)],
        "no environment in the entry": [{"role": "EDITOR", "bots": [office.seller]}],
        "no role in the entry": [{"environment": office.sales, "bots": [office.seller]}],
    }
    reasons = {name: told(office.admin.post("", person(environments=entries)), 400) for name, entries in wrong.items()}
    assert all("environments" in reason for reason in reasons.values()), reasons
    told_apart = ("two roles", "no bot", "an unknown environment", "an unknown bot", "a bot of another environment")
    assert len({reasons[name] for name in told_apart}) == len(told_apart), reasons
    assert reasons["an inactive bot"] == reasons["an unknown bot"], "what is switched off is as if it were not there"
    assert reasons["an inactive environment"] == reasons["an unknown environment"]


def test_an_address_is_of_one_operator_of_the_organization_whatever_its_letter_case(office):
    made = office.admin.create(email=address("Ada").replace("ada", "Ada"))
    other = office.admin.create()
    again = person(email=made["email"].swapcase())
    for answer in (
        office.admin.post("", again),
        office.admin.post("/password", {**again, "password": PASSWORD, "passwordConfirmation": PASSWORD}),
        office.admin.put(f"/{other['uuid']}", again),
    ):
        assert "email" in told(answer, 409)
    assert office.admin.put(f"/{made['uuid']}", again).json()["email"] == again["email"], "of itself it may"


def test_a_password_sets_the_account_up_under_each_spelling_of_its_confirmation(office):
    for spelling in ("passwordConfirmation", "confirmPassword", "passwordConfirm"):
        body = {**person(), "password": PASSWORD, spelling: PASSWORD}
        assert office.admin.post("/password", body).status_code == 201
    assert office.sign_in(body["email"]).taken("GET", "/me")["email"] == body["email"]
    lenient = {**person(), "password": PASSWORD, "passwordConfirmation": PASSWORD}
    answer = office.admin.post("", lenient)
    assert answer.status_code == 201 and "password" not in answer.text.lower() and PASSWORD not in answer.text
    assert office.realm.sign_in(lenient["email"])
    assert "password" in told(office.admin.post("/password", person()), 400)


# ---- Changes -----------------------------------------------------------------------------------


def test_a_change_keeps_what_it_does_not_name_and_clears_what_is_null(office):
    made = office.admin.create(
        company="Navy", image="https://pictures.example/g.png", environments=[place(office.sales, office.seller)]
    )
    path, needed = f"/{made['uuid']}", {"name": "Grace", "email": made["email"]}
    ignored = {"uuid": NOBODY, "orgUUID": NOBODY, "createdAt": "1999-01-01T00:00:00.000Z", "rules": {"deletable": False}}
    changed = office.admin.taken("PUT", path, json={**needed, **ignored})
    assert changed == {**made, "name": "Grace"}
    changed = office.admin.taken("PUT", path, json={**needed, "company": None, "image": None})
    assert (changed["company"], changed["image"]) == (None, None)
    moved = {**needed, "environments": [place(office.care, role="SUPERVISOR")]}
    assert [one["role"] for one in office.admin.taken("PUT", path, json=moved)["environments"]] == ["SUPERVISOR"]
    promoted = office.admin.taken("PUT", path, json={**needed, "admin": True})
    assert promoted["admin"] is True and promoted["environments"] == []
    assert "environments" in told(office.admin.put(path, {**needed, "admin": False}), 400)
    for missing in ("name", "email"):
        assert missing in told(office.admin.put(path, {k: v for k, v in needed.items() if k != missing}), 400)
    assert office.admin.user(made["uuid"]) == promoted, "what was refused changed nothing"
    told(office.admin.put(f"/{NOBODY}", needed), 404)
    told(office.admin.put("/no-id", needed), 404)
    for half in ({"password": PASSWORD}, {"passwordConfirmation": PASSWORD}):
        told(office.admin.put(path, {**needed, **half}), 400)


def test_whoever_is_deleted_is_nobody_and_the_address_is_free(office):
    made = office.admin.create()
    path = f"/{made['uuid']}"
    answer = office.admin.delete(path)
    assert answer.status_code == 204 and answer.content == b""
    for gone in (office.admin.delete(path), office.admin.get(path), office.admin.put(path, person()), office.admin.delete("/x")):
        told(gone, 404)
    assert office.admin.page(searchTerms=made["email"])["content"] == []
    assert office.admin.create(email=made["email"])["uuid"] != made["uuid"]
    mine = office.admin.taken("GET", "/me")
    assert mine["rules"] == {"deletable": False}
    told(office.admin.delete(f"/{mine['uuid']}"), 403)
    assert office.admin.taken("GET", "/me") == mine


# ---- Who may -----------------------------------------------------------------------------------


def operations(user_id):
    """Every operation, as method, path and body, and whether anybody of the organization may call it."""
    body = person()
    return [
        ("GET", "", None, False),
        ("GET", "/quicksearch?name=a", None, False),
        ("DELETE", f"/{user_id}", None, False),
        ("POST", "", body, False),
        ("PUT", f"/{user_id}", body, False),
        ("POST", "/password", body, False),
        ("POST", "/csv", None, False),
        ("POST", "/csv/validate", None, False),
        ("POST", "/csv/silent", None, False),
        ("POST", "/csv/silent/validate", None, False),
        ("GET", f"/{user_id}", None, False),
        ("GET", "/me", None, True),
        ("GET", "/configuration?key=x", None, True),
        ("PUT", "/configuration", {"key": "x", "value": "y"}, True),
    ]


def test_only_administrators_manage_operators_and_only_those_of_their_own_organization(office, viewer):
    someone = office.admin.create()["uuid"]
    for method, path, body, is_for_all in operations(someone):
        assert (viewer.request(method, path, json=body).status_code == 403) != is_for_all, (method, path)
        for organization in (NOBODY, "no-id", office.slug):
            is_looked_at = "configuration" not in path
            elsewhere = office.admin.request(method, path, json=body, organization=organization)
            if is_looked_at:
                told(elsewhere, 403)
            else:
                assert elsewhere.status_code != 403
    assert office.admin.user(someone)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x.y.z", "Basic {token}", "{token}", "Bearer {token}x"])
def test_whoever_has_no_token_is_told_so_and_no_more(office, header):
    http = session()
    if header is not None:
        http.headers["Authorization"] = header.format(token=office.admin.tokens["access_token"])
    words = set()
    for method, path, body, _ in operations(NOBODY):
        url = office.server.url + office.admin.path(path)
        words.add(told(http.request(method, url, json=body, timeout=30), 401))
    assert len(words) == 1


def test_credentials_of_the_other_dialects_are_none_here(office):
    member = office.org.admin
    for token in (member.token, office.org.made["dixa_token"], office.org.made["api_key"]):
        told(Cockpit(office.server, office.uuid, {"access_token": token}).get("/me"), 401)
    mine = {"Authorization": f"Bearer {office.admin.tokens['access_token']}"}
    assert member.http.get(f"/v1/{office.slug}/user/", headers=mine).status_code == 401
    assert member.http.get("/v1/endusers", headers=mine).status_code == 401
    assert member.http.get(f"/admin/v1/{office.slug}/jobs", headers=mine).status_code == 401


# ---- Transport ---------------------------------------------------------------------------------


def test_a_request_has_an_id_which_is_echoed_or_made_and_stands_in_the_log(office):
    given = unique("trace")
    assert office.admin.get("/me", headers={"x-request-id": given}).headers["x-request-id"] == given
    refused = office.admin.post("", {}, headers={"X-Request-ID": given})
    told(refused, 400)
    assert refused.headers["x-request-id"] == given
    made = office.admin.get().headers["x-request-id"]
    assert str(uuid.UUID(made)) == made and office.admin.get().headers["x-request-id"] != made
    log = eventually(lambda: (log := office.server.log()) and made in log and log, what="the line of the request")
    assert log.count(given) >= 2


def test_paths_methods_and_bodies_that_mean_nothing_are_told_in_the_same_form(office):
    admin = office.admin
    assert told(admin.get("/x/y"), 404)
    wrong = admin.request("PATCH", "/me", json={})
    told(wrong, 405)
    assert "GET" in wrong.headers["allow"]
    for path in ("/csv", "/password"):
        answer = admin.get(path)
        assert answer.status_code in (404, 405), "a fixed word is no id"
        told(answer, answer.status_code)
    for body in (b"", b"{", b"[]", b'"x"', b"{\"name\": 1e999}", b"\xff"):
        told(admin.post(data=body, headers={"Content-Type": "application/json"}), 400)
    told(admin.post(data=b"name=Ada", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415)
    huge = json.dumps(person(name="x" * (2 << 20))).encode()
    told(admin.post(data=huge, headers={"Content-Type": "application/json"}), 413)
    prose = json.dumps(person()).encode()
    assert admin.post(data=prose, headers={"Content-Type": "application/json; charset=UTF-8"}).status_code == 201
    told_by_socket = exchange(office.server, b"GET /eva-user/org/x/users HTTP/1.1\r\nHost: x\r\n\r\n")
    assert told_by_socket[0] == 401


@pytest.mark.parametrize("bad", ["fr", "english", "e n"])
def test_a_language_without_mails_is_refused_wherever_it_stands(office, bad):
    assert "language" in told(office.admin.post("", person(), headers={"language": bad}), 400)
    assert "language" in told(office.admin.post("", person(), params={"language": bad}), 400)
    fine = office.admin.post("", person(), headers={"language": "ja", "Accept-Language": bad}, params={"language": bad})
    assert fine.status_code == 201, "the header comes first"


# ---- What is switched off ----------------------------------------------------------------------


def test_what_is_switched_off_is_felt_at_once_and_comes_back(office):
    hall, guide = {"uuid": str(uuid.uuid4()), "name": "Hall"}, {"uuid": str(uuid.uuid4()), "name": "Guide"}
    office.take_in(environment(hall), bot(guide, hall))
    one = office.operator(environments=[place(hall, guide), place(office.sales, office.seller)])
    key = {"key": "greeting", "bot": guide["uuid"]}
    assert one.put("/configuration", {"key": "greeting", "value": "hello"}).status_code == 200
    assert one.put("/configuration", {**key, "value": "hi"}).status_code == 200

    def reached():
        shown = {e["environment"]["name"]: [b["name"] for b in e["bots"]] for e in one.taken("GET", "/me")["environments"]}
        return shown, one.taken("GET", "/configuration", params=key)["value"]

    whole = {"Hall": ["Guide"], "Sales": ["Seller"]}
    assert reached() == (whole, "hi")
    office.take_in(bot(guide, hall, is_active=False))
    assert reached() == ({**whole, "Hall": []}, "hello")
    told(one.put("/configuration", {**key, "value": "no"}), 400)
    told(office.admin.post("", person(environments=[place(hall, guide)])), 400)
    office.take_in(bot(guide, hall), environment(hall, is_active=False))
    assert reached() == ({"Sales": ["Seller"]}, "hello")
    assert [e["environment"]["name"] for e in office.admin.user(one.user_id)["environments"]] == ["Sales"]
    listed = office.admin.page(searchTerms=one.taken("GET", "/me")["email"])["content"][0]
    assert [e["environment"]["name"] for e in listed["environments"]] == ["Sales"]
    office.take_in(environment({**hall, "name": "Great hall"}))
    assert reached() == ({"Great hall": ["Guide"], "Sales": ["Seller"]}, "hi")
