"""What meets in the second dialect: two programs that want one number, and a bulk call that meets the end of its server."""

import itertools
import json
import multiprocessing
import random
import threading
import time

import httpx
import pytest

import stores
from desk import Desk, phone, phones
from support import Server, address

ROUNDS = 6
# As many as one call may bring.
ITEMS = 1_000


def _call(url, token, bodies, barrier, answers):
    """A program of its own: one thread for each body, all of them connected before any sends."""
    results = []

    def send(body):
        with httpx.Client(base_url=url, headers={"Authorization": token}, trust_env=False, timeout=60) as http:
            http.get("/livez")
            barrier.wait(timeout=60)
            answer = http.post("/v1/endusers", json=body)
            results.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(results)


def race(desk, bodies):
    """Sends the bodies from two processes at once; status and text of each answer."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(len(bodies)), context.Queue()
    halves = bodies[::2], bodies[1::2]
    programs = [
        context.Process(target=_call, args=(desk.org.server.url, desk.token, half, barrier, answers)) for half in halves
    ]
    for program in programs:
        program.start()
    results = [answers.get(timeout=90) for _ in programs]
    for program in programs:
        program.join(timeout=30)
        assert program.exitcode == 0
    return [result for half in results for result in half]


def assert_one_won(results, token):
    statuses = sorted(status for status, _ in results)
    assert statuses == [201] + [400] * (len(results) - 1), results
    texts = {json.loads(text)["message"] for status, text in results if status == 400}
    assert texts == {f"Create EndUser [id:None] failed with [errors:{token}]"}


def test_two_programs_64_fold_create_one_number_and_one_of_them_succeeds(desk):
    for _ in range(3):
        number = phone()
        spellings = [number, f"{number[:3]} {number[3:]}", f"{number[:3]}-({number[3:7]}) {number[7:]}"]
        places = [lambda text: {"phoneNumber": text}, lambda text: {"additionalPhoneNumbers": [text]}]
        ways = itertools.islice(itertools.cycle(itertools.product(places, spellings)), 64)
        assert_one_won(race(desk, [place(spelling) for place, spelling in ways]), "PhoneNumberExists")
        assert len(desk.list(phone=number)) == 1
    assert len(desk.list()) == 3


def test_two_programs_64_fold_create_one_address_and_one_of_them_succeeds(desk):
    email = address("contested")
    bodies = [{"email": email if place % 2 else email.upper()} for place in range(64)]
    assert_one_won(race(desk, bodies), "EmailExists")
    assert len(desk.list(email=email)) == 1


def test_bulk_calls_that_cross_give_each_number_to_one_contact(desk):
    numbers = phones(50)
    barrier, outcomes = threading.Barrier(8), []

    def create(seed):
        shuffled = random.Random(seed).sample(numbers, len(numbers))
        with Desk(desk.org) as mine:
            mine.http.get("/livez")
            barrier.wait(timeout=60)
            items = [{"displayName": str(seed), "phoneNumber": number} for number in shuffled]
            outcomes.append(mine.data("POST", "/endusers/bulk", {"data": items}, status=201))

    threads = [threading.Thread(target=create, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    made = [outcome["data"]["phoneNumber"] for answer in outcomes for outcome in answer if "data" in outcome]
    failed = [outcome["error"] for answer in outcomes for outcome in answer if "error" in outcome]
    assert sorted(made) == sorted(numbers)
    assert {error["_type"] for error in failed} == {"Validation"}
    assert all("PhoneNumberExists" in error["message"] for error in failed)
    assert sorted(contact["phoneNumber"] for contact in desk.list(pageLimit=1_000)) == sorted(numbers)


# ---- Cut off -----------------------------------------------------------------------------------


def item(stamp, number):
    """Everything that an item stores carries one mark, so that a half of one would show."""
    mark = f"{stamp}-{number}"
    return {
        "displayName": mark,
        "firstName": mark,
        "middleNames": [mark],
        "email": f"{mark}@example.com",
        "additionalEmails": [f"more-{mark}@example.com"],
        "externalId": mark,
    }


def is_whole(contact):
    stamp, _, number = contact["displayName"].partition("-")
    wanted = item(stamp, number)
    return {name: contact.get(name) for name in wanted} == wanted


class Writer:
    """Sends bulk calls until the server dies: creations, and changes of what was created."""

    def __init__(self, org, name):
        self.org, self.name = org, name
        self.count = 0
        # Id → mark, of what was acknowledged.
        self.contacts = {}
        # What was under way when the server died: marks of creations, or id → mark of changes.
        self.created, self.changed = [], {}
        self.acknowledged = 0
        self.failure = None

    def run(self):
        try:
            with Desk(self.org) as desk:
                while True:
                    self.create(desk)
                    self.change(desk)
        except httpx.TransportError:
            # The server was killed: what was under way is in doubt.
            return
        except AssertionError as error:
            # A thread's exception would be lost; the round looks at this one.
            self.failure = error

    def stamp(self):
        self.count += 1
        return f"{self.name}x{self.count}"

    def create(self, desk):
        stamp = self.stamp()
        items = [item(stamp, number) for number in range(ITEMS)]
        self.created = [one["displayName"] for one in items]
        outcomes = desk.data("POST", "/endusers/bulk", {"data": items}, status=201)
        assert [outcome["data"]["displayName"] for outcome in outcomes] == self.created
        self.contacts |= {outcome["data"]["id"]: outcome["data"]["displayName"] for outcome in outcomes}
        self.created = []
        self.acknowledged += 1

    def change(self, desk):
        stamp = self.stamp()
        chosen = list(self.contacts)[-ITEMS:]
        items = [{"id": one, **item(stamp, number)} for number, one in enumerate(chosen)]
        self.changed = {one["id"]: one["displayName"] for one in items}
        outcomes = desk.data("PUT", "/endusers", {"data": items})
        assert all("data" in outcome for outcome in outcomes), outcomes[0]
        self.contacts |= self.changed
        self.changed = {}
        self.acknowledged += 1

    def settle(self, listed):
        """Decides what was in doubt, and demands everything else."""
        found = {contact["displayName"]: one for one, contact in listed.items()}
        arrived = [mark for mark in self.created if mark in found]
        assert len(arrived) in (0, len(self.created)), "a bulk call is one transaction"
        self.contacts |= {found[mark]: mark for mark in arrived}
        moved = [one for one, mark in self.changed.items() if listed[one]["displayName"] == mark]
        assert len(moved) in (0, len(self.changed)), "a bulk call is one transaction"
        self.contacts |= {one: self.changed[one] for one in moved}
        assert {one: listed[one]["displayName"] for one in self.contacts} == self.contacts
        self.created, self.changed = [], {}


@pytest.mark.timeout(600)
def test_bulk_call_cut_off_by_kill_9_leaves_every_item_whole_or_absent(tmp_path):
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    interrupted, acknowledged = 0, 0
    with Server(tmp_path / "data") as running:
        for number in range(ROUNDS):
            # One of its own for each round, so that what has to be looked through stays the same.
            org = running.create_org()
            writers = [Writer(org, f"{number}w{place}") for place in range(2)]
            interrupted += cut_off(running, writers, chance, f"round {number}, seed {seed}")
            acknowledged += sum(writer.acknowledged for writer in writers)
            org.close()
    assert interrupted >= ROUNDS, "the kills must meet calls in flight"
    assert acknowledged >= ROUNDS, f"only {acknowledged} calls were acknowledged"


def cut_off(running, writers, chance, where):
    """One round; the number of calls that the kill interrupted."""
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    # Not before something was acknowledged, and then at any moment of what follows.
    end = time.monotonic() + 60
    while not any(writer.acknowledged for writer in writers):
        assert time.monotonic() < end and not any(writer.failure for writer in writers), [w.failure for w in writers]
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.6))
    running.kill()
    for thread in threads:
        thread.join()
    failures = [writer.failure for writer in writers if writer.failure]
    assert not failures, f"{where}: {failures}"
    interrupted = sum(bool(writer.created or writer.changed) for writer in writers)

    stores.wait_until_left(running.data)
    checked = running.command("check", check=False)
    assert checked.returncode == 0, f"{where}: {checked.stdout}{checked.stderr}"
    running.start()
    with Desk(writers[0].org) as desk:
        pages = desk.pages(pageLimit=1_000)
        listed = {contact["id"]: contact for page in pages for contact in page["data"]}
        halved = [contact for contact in listed.values() if not is_whole(contact)]
        assert halved == [], f"{where}: {halved[:3]}"
        for writer in writers:
            writer.settle(listed)
        known = {one for writer in writers for one in writer.contacts}
        assert set(listed) == known, where
        # What is found by its values is what is there.
        for one in chance.sample(sorted(known), 5):
            contact = listed[one]
            assert desk.list(email=contact["additionalEmails"][0].upper()) == [contact]
            assert desk.list(externalId=contact["externalId"]) == [contact]
    return interrupted
