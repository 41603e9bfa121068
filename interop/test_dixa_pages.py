"""Lists of the second dialect: sizes of pages, keys, and links, which lead on whatever is in front of the server."""

import base64
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from desk import NOBODY, Desk, conversation, told
from support import Server, address


def link(page, name="next"):
    """The query of a link of a page, which has to have nothing but a key."""
    query = parse_qs(urlsplit(page["meta"][name]).query, strict_parsing=True)
    assert "pageKey" in query
    return query


def key(page, name="next"):
    (value,) = link(page, name)["pageKey"]
    return value


def ids(page):
    return [contact["id"] for contact in page["data"]]


@pytest.fixture
def made(desk):
    """Seven contacts, in the order of their creation; the fourth and the sixth have an external id."""
    fields = [{"displayName": str(number)} for number in range(7)]
    fields[3]["externalId"] = fields[5]["externalId"] = "x"
    return [desk.create(**one)["id"] for one in fields]


def test_pages_have_fifty_unless_they_are_told_otherwise(desk):
    outcomes = desk.data("POST", "/endusers/bulk", {"data": [{"displayName": str(n)} for n in range(120)]}, status=201)
    made = [outcome["data"]["id"] for outcome in outcomes]
    pages = list(desk.pages())
    assert [len(page["data"]) for page in pages] == [50, 50, 20]
    assert [one for page in pages for one in ids(page)] == made
    assert [len(page["data"]) for page in desk.pages(pageLimit=119)] == [119, 1]
    # No page begins where there is nothing more.
    assert [len(page["data"]) for page in desk.pages(pageLimit=60)] == [60, 60]
    only = list(desk.pages(pageLimit=120))
    assert ids(only[0]) == made and "meta" not in only[0]


@pytest.mark.parametrize("size", [1_001, 10_000, 2**31 - 1])
def test_pages_larger_than_the_largest_are_as_large_as_that(desk, size):
    data = [{"displayName": str(n)} for n in range(501)]
    for _ in range(2):
        assert desk.post("/endusers/bulk", {"data": data}).status_code == 201
    assert [len(page["data"]) for page in desk.pages(pageLimit=size)] == [1_000, 2]


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1.5", "2147483648", "99999999999999999999"])
@pytest.mark.parametrize("path", ["/endusers", f"/endusers/{NOBODY}/conversations"])
def test_size_that_is_no_size_names_its_parameter(desk, path, size):
    assert "query parameter pageLimit" in told(desk.get(path, params={"pageLimit": size}), 400)


def test_key_carries_the_size_of_its_page_unless_another_is_given(desk, made):
    first = desk.get("/endusers", params={"pageLimit": 2}).json()
    second = desk.get("/endusers", params={"pageKey": key(first)}).json()
    assert ids(second) == made[2:4]
    larger = desk.get("/endusers", params={"pageKey": key(first), "pageLimit": 4}).json()
    assert ids(larger) == made[2:6]
    rest = desk.get("/endusers", params={"pageKey": key(larger)}).json()
    assert ids(rest) == made[6:] and "next" not in rest["meta"]


def test_key_is_base64_and_taken_percent_encoded(desk, made):
    first = desk.get("/endusers", params={"pageLimit": 2}).json()
    text = key(first)
    base64.b64decode(text + "=" * (-len(text) % 4), validate=False)
    answer = desk.http.get(f"/v1/endusers?pageKey={quote(text, safe='')}")
    assert ids(answer.json()) == made[2:4]


def test_pages_lead_back_as_well(desk, made):
    pages = list(desk.pages(pageLimit=3))
    assert [ids(page) for page in pages] == [made[:3], made[3:6], made[6:]]
    assert "previous" not in pages[0]["meta"]
    back = desk.http.get(pages[2]["meta"]["previous"]).json()
    assert ids(back) == made[3:6] and link(back)
    start = desk.http.get(back["meta"]["previous"]).json()
    assert ids(start) == made[:3] and "previous" not in start["meta"]
    assert ids(desk.http.get(start["meta"]["next"]).json()) == made[3:6]


def test_what_is_created_meanwhile_is_neither_missed_nor_told_twice(desk, made):
    first = desk.get("/endusers", params={"pageLimit": 3}).json()
    late = desk.create(displayName="late")["id"]
    seen = ids(first)
    page = first
    while "next" in page.get("meta", {}):
        page = desk.http.get(page["meta"]["next"]).json()
        seen += ids(page)
    assert seen == [*made, late]


def test_filter_goes_on_over_pages_and_the_one_of_the_key_holds(desk, made):
    first = desk.get("/endusers", params={"externalId": "x", "pageLimit": 1}).json()
    assert ids(first) == [made[3]]
    for repeated in ([], [("externalId", "x")], [("externalId", "x"), ("externalId", "x")], [("email", address())]):
        answer = desk.get("/endusers", params=[("pageKey", key(first)), *repeated])
        assert answer.status_code == 200, answer.text
        assert ids(answer.json()) == [made[5]], repeated
    assert ids(desk.http.get(first["meta"]["next"]).json()) == [made[5]]


def test_repeated_parameters_are_one(desk, made):
    for query in ("pageLimit=2&pageLimit=2", "externalId=x&externalId=x", "email=a%40b.de&email=a%40b.de"):
        assert desk.http.get(f"/v1/endusers?{query}").status_code == 200, query


@pytest.mark.parametrize(
    "query",
    [
        {"email": "a@b.de", "phone": "+4930123456"},
        {"email": "a@b.de", "externalId": "x"},
        {"phone": "+4930123456", "externalId": "x"},
        {"email": "a@b.de", "phone": "+4930123456", "externalId": "x"},
    ],
)
def test_more_than_one_filter_is_refused(desk, query):
    assert told(desk.get("/endusers", params=query), 400) == "Invalid filters: Cannot provide more than one filter"


def test_parameters_of_no_meaning_are_ignored(desk, made):
    assert ids(desk.get("/endusers", params={"phoneNumber": "x", "page": "7", "a[]": "b"}).json()) == made


@pytest.mark.parametrize("garbled", ["x", "====", "é", "eyJ9", "cGFnZUxpbWl0PTUwJnBhZ2U9MQ==", "", "A" * 5_000])
def test_garbled_key_names_its_parameter(desk, made, garbled):
    assert "query parameter pageKey" in told(desk.get("/endusers", params={"pageKey": garbled}), 400)
    path = f"/endusers/{made[0]}/conversations"
    assert "query parameter pageKey" in told(desk.get(path, params={"pageKey": garbled}), 400)


def test_key_that_lost_or_changed_a_letter_is_refused_or_leads_into_the_same_list(desk, made):
    text = key(desk.get("/endusers", params={"pageLimit": 2}).json())
    for place in range(len(text)):
        for changed in (text[:place], text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]):
            answer = desk.get("/endusers", params={"pageKey": changed})
            assert answer.status_code in (200, 400), (changed, answer.text)
            if answer.status_code == 200:
                assert set(ids(answer.json())) <= set(made)
            else:
                assert "query parameter pageKey" in told(answer, 400)


def test_key_of_one_list_is_none_of_the_other(desk, made):
    talks = [conversation(made[0]) for _ in range(3)]
    desk.take_in(*talks)
    path = f"/endusers/{made[0]}/conversations"
    first = desk.get(path, params={"pageLimit": 2}).json()
    assert "query parameter pageKey" in told(desk.get("/endusers", params={"pageKey": key(first)}), 400)
    contacts = desk.get("/endusers", params={"pageLimit": 2}).json()
    assert "query parameter pageKey" in told(desk.get(path, params={"pageKey": key(contacts)}), 400)


def test_key_of_another_organization_shows_nothing_of_it(desk, made, other_org):
    text = key(desk.get("/endusers", params={"pageLimit": 2}).json())
    with Desk(other_org) as other:
        answer = other.get("/endusers", params={"pageKey": text})
        assert answer.status_code in (200, 400)
        assert not set(made) & {contact["id"] for contact in answer.json().get("data", [])}


def test_conversations_are_paged_by_their_ids(desk, made):
    base = 2**53
    numbers = [base + place for place in (5, 1, 3, 2, 4)]
    desk.take_in(*[conversation(made[0], conversation_id=number) for number in numbers], conversation(made[1]))
    pages = list(desk.pages(f"/endusers/{made[0]}/conversations", pageLimit=2))
    found = [[one["id"] for one in page["data"]] for page in pages]
    assert found == [[base + 1, base + 2], [base + 3, base + 4], [base + 5]]
    back = desk.http.get(pages[2]["meta"]["previous"]).json()
    assert [one["id"] for one in back["data"]] == found[1]
    assert desk.get(f"/endusers/{made[2]}/conversations").json() == {"data": []}


# ---- Links -------------------------------------------------------------------------------------


def next_link(desk, **options):
    page = desk.http.get("/v1/endusers?pageLimit=1", **options).json()
    return urlsplit(page["meta"]["next"])


def test_links_are_absolute_and_lead_to_the_host_that_was_asked(desk, made):
    link = next_link(desk)
    assert (link.scheme, link.netloc, link.path) == ("http", f"127.0.0.1:{desk.org.server.port}", "/v1/endusers")
    link = next_link(desk, headers={"Host": "desk.example:8443"})
    assert (link.netloc, link.path) == ("desk.example:8443", "/v1/endusers")


def test_links_stay_with_the_prefix_that_was_asked(desk, made):
    page = desk.http.get("/beta/endusers?pageLimit=1").json()
    assert urlsplit(page["meta"]["next"]).path == "/beta/endusers"
    assert ids(desk.http.get(page["meta"]["next"]).json()) == made[1:2]


@pytest.mark.parametrize("host", ["evil.example/?x=", "a b", 'x"y', "user@evil.example", "["])
def test_host_that_is_none_makes_no_link_to_it(desk, made, host):
    answer = desk.http.get("/v1/endusers?pageLimit=1", headers={"Host": host})
    if answer.status_code != 200:
        assert answer.status_code == 400
        return
    link = urlsplit(answer.json()["meta"]["next"])
    assert host not in link.netloc and link.path == "/v1/endusers"


def test_links_begin_with_the_public_address_where_there_is_one(tmp_path):
    with Server(tmp_path / "data", config='public_url = "https://desk.example/api"\n') as running:
        org = running.create_org()
        with Desk(org) as desk:
            made = [desk.create()["id"] for _ in range(2)]
            page = desk.get("/endusers", params={"pageLimit": 1}).json()
            link = page["meta"]["next"]
            assert link.startswith("https://desk.example/api/v1/endusers?pageKey=")
            assert ids(desk.http.get(f"/v1/endusers?{urlsplit(link).query}").json()) == made[1:]
        org.close()


def test_links_begin_with_the_path_where_that_is_set(tmp_path):
    config = 'public_url = "https://desk.example"\n[dixa]\nrelative_links = true\n'
    with Server(tmp_path / "data", config=config) as running:
        org = running.create_org()
        with Desk(org) as desk:
            made = [desk.create()["id"] for _ in range(3)]
            pages = list(desk.pages(pageLimit=1))
            assert [one for page in pages for one in ids(page)] == made
            assert pages[0]["meta"]["next"].startswith("/v1/endusers?pageKey=")
            assert pages[2]["meta"]["previous"].startswith("/v1/endusers?pageKey=")
        org.close()
