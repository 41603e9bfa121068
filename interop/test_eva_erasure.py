"""What was known of a deleted operator is gone from every byte of what is stored, and its neighbours keep theirs."""

import json

import pytest

import stores
from cockpit import Office, failures, place, table
from support import address
from test_erasure import traces, wait_for_jobs

NEIGHBOURS = 24

# Words that nobody else uses, one for each thing that is known.
KNOWN = {
    "name": "Thessalonike of Ostrołęka",
    "email": "thessalonike.p@quuxwick.example.com",
    "company": "Przybyszewska-Werke",
    "image": "https://pictures.example/xyzzyvorka.png",
}
EARLIER = {
    "name": "Vrbtsklon",
    "email": "vrbtsklon@quuxwick.example.com",
    "company": "grzmnl-and-sons",
    "image": "data:image/png;base64,aGh2dHhubmJndw==",
}
VALUES = {"colour-ccdrp": "fears-spiders-plmqx", "zoom-ttwlq": "wears-glasses-ffkbz"}
WRITTEN_OVER = "likes-spiders-rrgxm"


def neighbour(office, number):
    """Of many lengths, so that rows move between pages."""
    cells = {"name": f"Neighbour {number} {'y' * (number * 7 % 200)}", "company": "z" * (number * 13 % 200), "role": "SUPERVISOR"}
    return office.row(f"neighbour{number}@example.org", bot="", **cells)


def test_no_byte_of_what_is_stored_holds_anything_of_a_deleted_operator(start):
    running = start()
    office = Office(running)
    half = NEIGHBOURS // 2
    assert failures(office.admin.upload(table(*(neighbour(office, n) for n in range(half))))) == []
    first = office.row(EARLIER["email"], EARLIER["name"], company=EARLIER["company"])
    assert failures(office.admin.upload(table(first))) == []
    assert failures(office.admin.upload(table(*(neighbour(office, n) for n in range(half, NEIGHBOURS))))) == []
    (made,) = office.admin.page(searchTerms=EARLIER["email"])["content"]
    path = f"/{made['uuid']}"
    # Written over twice, and then with values of its own in general and for a bot.
    office.admin.taken("PUT", path, json=EARLIER)
    office.admin.taken("PUT", path, json={**KNOWN, "environments": [place(office.sales, office.seller, office.closer)]})
    one = office.sign_in(KNOWN["email"])
    for key, value in VALUES.items():
        one.taken("PUT", "/configuration", json={"key": key, "value": WRITTEN_OVER})
        one.taken("PUT", "/configuration", json={"key": key, "value": value, "bot": office.seller["uuid"]})
        one.taken("PUT", "/configuration", json={"key": key, "value": value})
    known = [*KNOWN.values(), *VALUES, *VALUES.values()]
    assert {word for _, word in traces(running.data, known)} == set(known), "otherwise nothing is shown by its absence"

    assert office.admin.delete(path).status_code == 204
    wait_for_jobs(office.org)
    gone = [*known, *EARLIER.values(), WRITTEN_OVER]
    assert traces(running.data, gone) == set(), "while the server runs"
    shown = running.command("user", "erased", "--org", office.slug, made["uuid"], "--json")
    report = json.loads(shown.stdout)
    assert report["erased_at"] is not None and not report["exists"], report
    assert not any(of["rows"] for of in report["rows"]), report
    running.kill()
    stores.wait_until_left(running.data)
    assert traces(running.data, gone) == set(), "after it was killed"
    running.start()
    assert traces(running.data, gone) == set(), "when it has started again"

    page = office.admin.page(linesPerPage=1000, orderBy="uuid", direction="ASC")
    assert page["totalElements"] == NEIGHBOURS + 1
    names = {user["name"] for user in page["content"]}
    assert {neighbour(office, number)["name"].strip() for number in range(NEIGHBOURS)} <= names
    assert office.admin.page(searchTerms="neighbour7@")["totalElements"] == 1
    again = office.admin.create(email=KNOWN["email"])
    assert again["uuid"] != made["uuid"]
    assert running.command("check").returncode == 0
    office.close()


@pytest.mark.parametrize("what", ["unknown", "there"])
def test_only_of_somebody_who_is_gone_is_it_said_that_nothing_is_left(office, what):
    user_id = office.admin.create()["uuid"] if what == "there" else "018f0000-0000-7000-8000-000000000000"
    done = office.server.command("user", "erased", "--org", office.slug, user_id, "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["erased_at"] is None, done.stdout + done.stderr
    assert address() not in done.stdout
