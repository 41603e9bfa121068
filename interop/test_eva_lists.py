"""The list of operators in pages, its orders and its search, and the suggestions of names."""

import math

import pytest

from cockpit import Office, place, told
from support import address

# Names that sort otherwise than their bytes, with a company for some.
PEOPLE = [("Zoë", "Acme"), ("ábel", None), ("Abel", "acme"), ("Øyvind", "Nordlys"), ("abel", None), ("Zadie", "Zeta"), ("李娜", "北京")]


@pytest.fixture(scope="module")
def crowd(server):
    """An organization of the module's own: what is counted is all that there is."""
    office = Office(server)
    made = [
        office.admin.create(name=name, company=company, environments=[place(office.sales, role="SUPERVISOR")])
        if number % 2
        else office.admin.create(name=name, company=company, email=address(f"p{number}"))
        for number, (name, company) in enumerate(PEOPLE)
    ]
    office.people = [office.admin.taken("GET", "/me"), *made]
    yield office
    office.close()


def ids(page):
    return [user["uuid"] for user in page["content"]]


def test_a_page_says_all_that_the_published_envelope_says(crowd):
    total = len(crowd.people)
    page = crowd.admin.page(page=1, linesPerPage=3)
    members = "content pageable last totalPages totalElements size number sort first numberOfElements empty".split()
    assert sorted(page) == sorted(members)
    order = {"sorted": True, "unsorted": False, "empty": False}
    assert page["sort"] == order
    assert page["pageable"] == {
        "sort": order,
        "offset": 3,
        "pageNumber": 1,
        "pageSize": 3,
        "paged": True,
        "unpaged": False,
    }
    numbers = {name: page[name] for name in ("totalElements", "totalPages", "number", "size", "numberOfElements")}
    assert numbers == {"totalElements": total, "totalPages": math.ceil(total / 3), "number": 1, "size": 3, "numberOfElements": 3}
    assert (page["first"], page["last"], page["empty"]) == (False, False, False)


def test_without_parameters_the_newest_five_come_first(crowd):
    page = crowd.admin.page()
    assert ids(page) == [user["uuid"] for user in reversed(crowd.people)][:5]
    assert (page["size"], page["number"], page["first"], page["last"]) == (5, 0, True, False)


@pytest.mark.parametrize("lines", [1, 2, 3, 8, 1000])
@pytest.mark.parametrize("order", ["createdAt", "name", "email", "company", "admin", "uuid"])
def test_pages_hold_everybody_once_in_each_order_and_both_directions(crowd, lines, order):
    whole = {}
    for direction in ("ASC", "desc"):
        found, number = [], 0
        while True:
            page = crowd.admin.page(page=number, linesPerPage=lines, orderBy=order, direction=direction)
            found += page["content"]
            assert page["last"] == (len(found) == len(crowd.people))
            if page["last"]:
                break
            number += 1
        assert sorted(user["uuid"] for user in found) == sorted(user["uuid"] for user in crowd.people)
        whole[direction] = found
    rising, falling = ([user[order] for user in whole[direction]] for direction in ("ASC", "desc"))
    values = [[value.lower() if isinstance(value, str) else value for value in side] for side in (rising, falling)]
    assert values[0][0] == values[1][-1] and values[0][-1] == values[1][0]
    if order in ("createdAt", "uuid", "admin", "email"):
        assert values[0] == sorted(values[0]) and values[1] == sorted(values[1], reverse=True)
    for side in whole.values():
        # Equals are sorted by their ids, rising whatever the direction.
        for one, next_one in zip(side, side[1:], strict=False):
            if one[order] == next_one[order]:
                assert one["uuid"] < next_one["uuid"]


def test_names_are_sorted_as_people_read_them(crowd):
    found = [user["name"] for user in crowd.admin.page(orderBy="name", direction="ASC", linesPerPage=100)["content"]]
    known = [name for name in found if name in dict(PEOPLE)]
    assert [name.lower() for name in known[:3]] in (["abel", "abel", "ábel"], ["ábel", "abel", "abel"], ["abel", "ábel", "abel"])
    assert known.index("Zadie") < known.index("Zoë") and known[-1] == "李娜"


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ("ABEL", {"ábel", "Abel", "abel"}),
        ("zoe", {"Zoë"}),
        ("adi", {"Zadie"}),
        ("acme", {"Zoë", "Abel"}),
        ("北", {"李娜"}),
        ("nordlys", {"Øyvind"}),
        ("p2.", {"Abel"}),
        ("%", set()),
        ("nobody has this", set()),
    ],
)
def test_the_search_finds_parts_of_names_addresses_and_companies(crowd, terms, names):
    page = crowd.admin.page(searchTerms=terms, linesPerPage=100)
    assert {user["name"] for user in page["content"]} == names
    assert page["totalElements"] == len(page["content"])
    one = crowd.admin.page(searchTerms=terms, linesPerPage=1, page=1, orderBy="name")
    assert one["totalElements"] == page["totalElements"] and one["numberOfElements"] == (1 if len(page["content"]) > 1 else 0)


def test_a_blank_search_filters_nothing_and_a_page_past_the_end_is_empty(crowd):
    for blank in ("", "  "):
        assert crowd.admin.page(searchTerms=blank)["totalElements"] == len(crowd.people)
    beyond = crowd.admin.page(page=7, linesPerPage=5)
    assert (beyond["content"], beyond["empty"], beyond["last"], beyond["first"]) == ([], True, True, False)
    assert beyond["totalElements"] == len(crowd.people) and beyond["pageable"]["offset"] == 35
    nobody = crowd.admin.page(searchTerms="nobody has this")
    assert (nobody["totalPages"], nobody["first"], nobody["last"], nobody["empty"]) == (0, True, True, True)


@pytest.mark.parametrize(
    "params",
    [
        {"page": "-1"},
        {"page": "x"},
        {"page": "1.5"},
        {"page": str(2**31)},
        {"linesPerPage": "0"},
        {"linesPerPage": "1001"},
        {"linesPerPage": "x"},
        {"orderBy": "password"},
        {"orderBy": "Name"},
        {"direction": "UP"},
    ],
)
def test_what_is_no_page_is_refused_by_its_name(crowd, params):
    assert next(iter(params)) in told(crowd.admin.get(params=params), 400)


# ---- Suggestions -------------------------------------------------------------------------------


def suggested(office, **params):
    return office.admin.taken("GET", "/quicksearch", params=params)


def test_suggestions_are_the_different_names_that_begin_so_in_their_order(crowd):
    found = suggested(crowd, name="AB")
    assert {name.lower() for name in found} <= {"abel", "ábel"} and "abel" in {name.lower() for name in found}
    assert suggested(crowd, name="z") == ["Zadie", "Zoë"]
    assert suggested(crowd, name="z", limit=1) == ["Zadie"]
    assert suggested(crowd, name="李") == ["李娜"]
    for nothing in ("", "  ", "adie", "%", "nobody"):
        assert suggested(crowd, name=nothing) == []


def test_six_names_are_suggested_unless_another_number_is_asked_for(crowd):
    for number in range(7):
        crowd.people.append(crowd.admin.create(name=f"Quentin {number}"))
    crowd.people.append(crowd.admin.create(name="Quentin 3"))
    names = [f"Quentin {number}" for number in range(7)]
    assert suggested(crowd, name="quen") == names[:6]
    assert suggested(crowd, name="QUENTIN ", limit=100) == names, "each name once"
    for params in ({}, {"name": "q", "limit": "0"}, {"name": "q", "limit": "101"}, {"name": "q", "limit": "x"}):
        told(crowd.admin.get("/quicksearch", params=params), 400)
