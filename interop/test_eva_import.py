"""Operators from and into files on the command line, beside a running server, and after a cut."""

import csv
import io
import subprocess
import threading
import time

import pytest

from cockpit import HEADER, Office, session, table
from support import address, binary, clean_environment, eventually

COLUMNS = HEADER.split(";")
# So many that the command can be killed amid them, and so few of them good that it does not take long: those cost a hash.
MANY, GOOD_EVERY = 2_000, 32


def read(path):
    """A file that denizen gave out, as rows by the names of the columns."""
    text = path.read_text()
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in text.splitlines()[0] else ","))


def run(office, *arguments, check=True):
    return office.server.command("import", "operators", "--org", office.slug, "--quiet", *arguments, check=check)


def emails(office, terms):
    return sorted(user["email"] for user in office.admin.page(searchTerms=terms, linesPerPage=1000)["content"])


def test_a_dry_run_makes_nobody_and_the_run_makes_all_but_the_failures(office, tmp_path):
    good, other, bad = office.row(address("import")), office.row(address("import"), role="ADMIN"), office.row(address("import"))
    mark = "of-the-file-" + good["email"][-12:-4]
    for row in (good, other, bad):
        row["company"] = mark
    path, errors = tmp_path / "people.csv", tmp_path / "errors.csv"
    path.write_text(table(good, other, bad | {"bot": "x"}))
    dry = run(office, path, "--dry-run", "--errors", errors, check=False)
    assert dry.returncode == 1 and "2 would be created" in dry.stdout, dry.stdout + dry.stderr
    assert emails(office, mark) == [] and len(read(errors)) == 1
    done = run(office, path, "--errors", errors, check=False)
    assert done.returncode == 1 and "2 created" in done.stdout, done.stdout + done.stderr
    (error,) = read(errors)
    assert error == {"line": "4", "email": bad["email"], "message": "The bot does not exist or is not active"}
    assert emails(office, mark) == sorted([good["email"], other["email"]])
    assert office.sign_in(other["email"]).taken("GET", "/me")["admin"] is True
    path.write_text(table(bad))
    assert run(office, path).returncode == 0
    for answer in (dry, done):
        assert good["password"] not in answer.stdout + answer.stderr


def test_a_file_that_cannot_be_read_or_has_no_organization_is_a_mistake_of_the_caller(office, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email;name\n")
    for done in (
        run(office, path, check=False),
        run(office, tmp_path / "nothing.csv", check=False),
        run(office, path, "--mail", "fr", check=False),
    ):
        assert done.returncode == 2 and done.stderr, done.stdout
    path.write_text(table(office.row()))
    unknown = office.server.command("import", "operators", "--org", "nobody-here", path, check=False)
    assert unknown.returncode != 0 and "nobody-here" in unknown.stderr


def test_formulas_are_harmless_in_files_that_are_given_out_and_come_back_as_they_were(office, tmp_path):
    formulas = ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "'=1", "plain", "'plain"]
    mark = address("formula").split("@")[0]
    rows = [office.row(f"{mark}.{n}@example.com", name=name, company=name) for n, name in enumerate(formulas)]
    # What begins with an apostrophe in a file that comes in had one put before it when it was given out.
    for row in rows:
        row["name"] = row["company"] = ("'" if row["name"].lstrip("'")[:1] in "=+-@" else "") + row["name"]
    path, out, again = (tmp_path / name for name in ("in.csv", "out.csv", "again.csv"))
    path.write_text(table(*rows))
    assert run(office, path).returncode == 0
    shown = {user["email"]: user for user in office.admin.page(searchTerms=mark, linesPerPage=100)["content"]}
    for row, name in zip(rows, formulas, strict=True):
        assert (shown[row["email"]]["name"], shown[row["email"]]["company"]) == (name, name)
    office.server.command("export", "operators", out, "--org", office.slug)
    given = read(out)
    assert list(given[0]) == COLUMNS and all(row["password"] == "" for row in given)
    for row in given:
        assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row.values() if cell), row
    mine = {row["email"]: row for row in given}
    assert [mine[row["email"]]["name"] for row in rows] == [row["name"] for row in rows]
    # With passwords in it the file can be taken in, and changes nothing: everybody is there.
    path.write_text(table(*(row | {"password": "Other-Horse-8"} for row in given)))
    refused = run(office, path, "--errors", tmp_path / "errors.csv", check=False)
    assert refused.returncode == 1
    assert {error["message"] for error in read(tmp_path / "errors.csv")} == {"The email is already in use"}
    office.server.command("export", "operators", again, "--org", office.slug)
    assert again.read_bytes() == out.read_bytes()


def test_an_import_that_was_killed_goes_on_where_it_was_without_a_double(start, tmp_path):
    running = start()
    office = Office(running)
    rows = [office.row(f"cut{n}@example.com", role="OWNER" if n % GOOD_EVERY else "EDITOR") for n in range(MANY)]
    wrong = [n for n in range(MANY) if n % GOOD_EVERY]
    path, errors = tmp_path / "people.csv", tmp_path / "errors.csv"
    path.write_text(table(*rows))
    arguments = ["import", "operators", path, "--org", office.slug, "--errors", errors, "--quiet", *running.place]
    command = subprocess.Popen(
        [binary(), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=clean_environment(),
    )
    # Whatever is there by now, it is some and not all.
    made = eventually(lambda: office.admin.page(searchTerms="cut")["totalElements"], seconds=30, what="the first batch")
    command.kill()
    command.communicate(timeout=10)
    cut = office.admin.page(searchTerms="cut")["totalElements"]
    assert made <= cut
    if cut == MANY - len(wrong):
        pytest.fail("the import was over before it could be killed: make the file larger")
    done = run(office, path, "--errors", errors, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "cut off" in done.stderr and "from here on, nobody is written to" in done.stderr, done.stderr
    page = office.admin.page(searchTerms="cut", linesPerPage=1000)
    found = [user["email"] for user in page["content"]]
    assert len(found) == len(set(found)) == MANY - len(wrong)
    assert [(int(error["line"]), error["email"]) for error in read(errors)] == [(n + 2, rows[n]["email"]) for n in wrong]
    # It is over: given again, the file begins anew and finds everybody there.
    again = run(office, path, "--dry-run", check=False)
    assert again.returncode == 1 and "0 would be created" in again.stdout
    office.close()


def test_reads_of_others_go_on_during_an_upload(office):
    """How quickly is for the benchmark to say: only that nobody waits until a file is hashed."""
    rows = [office.row(address("load")) for _ in range(16)]
    answers = []
    upload = threading.Thread(target=lambda: answers.append(office.admin.upload(table(*rows))))
    http, url = session(), office.server.url + office.admin.path("/me")
    http.headers.update(office.admin.http.headers)
    upload.start()
    read = 0
    while upload.is_alive():
        assert http.get(url, timeout=30).status_code == 200
        read += 1
        # Without a rest the reads would take what the hashes are to have: those come after everything else.
        time.sleep(0.01)
    upload.join()
    assert answers[0].status_code == 200 and read >= 5
