"""Operators made from files, which are uploaded as any client of multipart does."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from cockpit import HEADER, NOBODY, bot, environment, failures, quoted, table, told
from support import address

COLUMNS = HEADER.split(";")
CREATING = ["/csv", "/csv/silent"]
CHECKING = ["/csv/validate", "/csv/silent/validate"]
MESSAGES = {
    "invalid": "The email is not valid",
    "surplus": "The line has too many columns",
    "no name": "The name is required",
    "no role": "The role is required",
    "unknown role": "The role must be one of ADMIN, SUPERVISOR, EDITOR or VIEWER",
    "no password": "The password is required",
    "weak": "The password does not meet the password policy",
    "no environment": "The environmentUuid is required for this role",
    "no environment name": "The environmentName is required for this role",
    "no bot": "The bot is required for this role",
    "unknown environment": "The environment does not exist or is not active",
    "wrong environment name": "The environmentName does not match the environmentUuid",
    "unknown bot": "The bot does not exist or is not active",
    "bot elsewhere": "The bot does not belong to the environment",
    "two roles": "A user may have only one role",
    "conflict": "The lines of this user do not agree",
    "repeated": "The email is repeated in the file",
    "taken": "The email is already in use",
}


def found(office, email):
    """The operator with this address, whole; None when there is none."""
    content = office.admin.page(searchTerms=email)["content"]
    return office.admin.user(content[0]["uuid"]) if content else None


@pytest.fixture(scope="module")
def drawers(office):
    """What cannot be given: an environment that is switched off, and a bot that is, in one that is not."""
    off, retired = {"uuid": str(uuid.uuid4()), "name": "Off"}, {"uuid": str(uuid.uuid4()), "name": "Retired"}
    office.take_in(environment(off, is_active=False), bot(retired, office.sales, is_active=False))
    return off, retired


# ---- Forms of files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    ["semicolon", "comma", "tab", "BOM", "CRLF", "any order", "letter case", "no header", "blank lines", "no last line end"],
)
def test_a_file_is_read_in_each_form_that_a_spreadsheet_gives_it(office, form):
    email = address("form")
    row = office.row(email, name="O'Neil; the \"elder\", of\n\tCork", company=" Navy ")
    text = {
        "semicolon": lambda: table(row),
        "comma": lambda: table(row, separator=","),
        "tab": lambda: table(row, separator="\t"),
        "BOM": lambda: "\ufeff" + table(row),
        "CRLF": lambda: table(row, end="\r\n"),
        "any order": lambda: table(row, columns=list(reversed(COLUMNS))),
        "letter case": lambda: table(row).replace(HEADER, "EMAIL; Name ;company;ROLE;Password;environmentuuid;EnvironmentName;BOT"),
        "no header": lambda: table(row, header=False),
        "blank lines": lambda: "\n;;;\n" + table(row) + "  \n;;\n",
        "no last line end": lambda: table(row).removesuffix("\n"),
    }[form]()
    assert failures(office.admin.upload(text)) == []
    made = found(office, email)
    assert (made["name"], made["company"]) == (row["name"], "Navy")
    (one,) = made["environments"]
    assert (one["role"], one["environment"]["uuid"]) == ("EDITOR", office.sales["uuid"])
    assert [bot["uuid"] for bot in one["bots"]] == [office.seller["uuid"]]


def test_whatever_the_part_says_of_itself_it_is_read_and_the_first_one_counts(office):
    emails = [address("part") for _ in range(4)]
    kinds = ["application/vnd.ms-excel", "text/plain; charset=x", "", "application/octet-stream"]
    for email, kind in zip(emails, kinds, strict=True):
        assert failures(office.admin.upload(table(office.row(email)), name="списък;.csv", kind=kind)) == []
        assert found(office, email)
    first, second = address("first"), address("second")
    parts = [
        ("comment", (None, "not this")),
        ("file", ("a.csv", table(office.row(first)))),
        ("file", ("b.csv", table(office.row(second)))),
    ]
    assert failures(office.admin.post("/csv/silent", files=parts)) == []
    assert found(office, first) and not found(office, second)


def test_who_is_made_signs_in_with_the_password_as_it_stands(office):
    email, password = address("pass"), " =Höfe;\"1\" "
    assert failures(office.admin.upload(table(office.row(email, role="admin", password=password)))) == []
    assert office.sign_in(email, password).taken("GET", "/me")["admin"] is True


# ---- Several lines of one operator -------------------------------------------------------------


def test_lines_of_one_address_make_one_operator_who_reaches_what_each_says(office):
    email = address("merged")
    care = {"environmentUuid": office.care["uuid"], "environmentName": office.care["name"], "bot": office.carer["uuid"]}
    blank = {"name": "", "company": "", "password": ""}
    rows = [
        office.row(email),
        office.row(address("between")),
        office.row(email.upper(), bot=office.closer["uuid"], **blank),
        office.row(email, **care),
    ]
    assert failures(office.admin.upload(table(*rows))) == []
    made = found(office, email)
    assert {one["environment"]["name"]: {bot["name"] for bot in one["bots"]} for one in made["environments"]} == {
        "Sales": {"Seller", "Closer"},
        "Customer care": {"Carer"},
    }
    assert (made["name"], made["company"], made["email"]) == ("Grace Hopper", "Navy", email)


def test_lines_of_one_address_that_do_not_agree_fail_as_one_and_repeats_are_told(office):
    roles, names, repeated, admins, spoilt = (address(name) for name in ("roles", "names", "again", "admins", "spoilt"))
    closer = {"bot": office.closer["uuid"]}
    rows = [
        office.row(roles),
        office.row(names),
        office.row(repeated),
        office.row(admins, role="ADMIN"),
        office.row(spoilt),
        office.row(roles, role="VIEWER", **closer),
        office.row(names, name="Somebody else", **closer),
        office.row(repeated),
        office.row(admins, role="ADMIN"),
        office.row(spoilt, bot=NOBODY),
    ]
    assert failures(office.admin.upload(table(*rows))) == [
        (roles, MESSAGES["two roles"]),
        (names, MESSAGES["conflict"]),
        (spoilt, MESSAGES["unknown bot"]),
        (repeated, MESSAGES["repeated"]),
        (admins, MESSAGES["repeated"]),
    ]
    assert found(office, repeated) and found(office, admins)
    assert not any(found(office, email) for email in (roles, names, spoilt))


# ---- The nineteen checks -----------------------------------------------------------------------


def broken(office, drawers, known):
    """One line for each check but those on several lines, with the message that it is to be told, in the order of checks."""
    off, retired = drawers
    # What fails a later check as well: the first breach gives the message.
    later = {"bot": NOBODY}
    return [
        (office.row("", name=""), None),
        (office.row("no address", name=""), "invalid"),
        (office.row(name="") | {"surplus": "x"}, "surplus"),
        (office.row(name=" ", role=""), "no name"),
        (office.row(role="", password=""), "no role"),
        (office.row(role="OWNER", password=""), "unknown role"),
        (office.row(password="", **later), "no password"),
        (office.row(password="weakling", **later), "weak"),
        (office.row(environmentUuid="", environmentName="", **later), "no environment"),
        (office.row(environmentName="", **later), "no environment name"),
        (office.row(bot="", environmentUuid=NOBODY), "no bot"),
        (office.row(role="VIEWER", bot="", environmentUuid=NOBODY), "no bot"),
        (office.row(environmentUuid=NOBODY, environmentName="x", **later), "unknown environment"),
        (office.row(environmentUuid="no id", **later), "unknown environment"),
        (office.row(environmentUuid=off["uuid"], environmentName=off["name"], **later), "unknown environment"),
        (office.row(environmentName="Marketing", **later), "wrong environment name"),
        (office.row(**later), "unknown bot"),
        (office.row(bot=retired["uuid"]), "unknown bot"),
        (office.row(role="SUPERVISOR", **later), "unknown bot"),
        (office.row(bot=office.carer["uuid"]), "bot elsewhere"),
        (office.row(office.email, role="ADMIN"), "taken"),
        (office.row(known.upper()), "taken"),
    ]


@pytest.mark.parametrize("path", CREATING + CHECKING)
def test_each_line_that_cannot_be_used_is_told_by_its_first_breach_in_the_order_of_the_file(office, drawers, path):
    cases = broken(office, drawers, office.admin.create()["email"])
    good = office.row(address("good"), role="Supervisor", bot="", company="")
    text = HEADER + "\n"
    for row, _ in cases:
        text += ";".join(quoted(row.get(name, ""), ";") for name in [*COLUMNS, "surplus"]).removesuffix(";") + "\n"
    text += ";".join(good[name] for name in COLUMNS) + "\n"
    expected = [
        (row["email"], MESSAGES[name] if name else "Line 2: the email is required") for row, name in cases
    ]
    assert failures(office.admin.upload(text, path)) == expected
    made = found(office, good["email"])
    assert bool(made) == (path in CREATING)
    if made:
        assert made["environments"][0]["bots"] == [] and made["company"] is None


# ---- What becomes of the whole -----------------------------------------------------------------


@pytest.mark.parametrize("path", CREATING)
def test_a_file_that_makes_nobody_is_refused_with_its_failures(office, path):
    answer = office.admin.upload(table(office.row(bot="x"), office.row(role="x")), path)
    assert [message for _, message in failures(answer, 400)] == [MESSAGES["unknown bot"], MESSAGES["unknown role"]]
    again = table(row := office.row())
    assert failures(office.admin.upload(again, path)) == []
    assert failures(office.admin.upload(again, path), 400) == [(row["email"], MESSAGES["taken"])]


@pytest.mark.parametrize("path", CHECKING)
def test_a_check_makes_nobody_and_succeeds_whatever_it_finds(office, path):
    before = office.admin.page()["totalElements"]
    row = office.row()
    assert failures(office.admin.upload(table(row), path)) == []
    assert failures(office.admin.upload(table(row | {"role": "x"}), path)) == [(row["email"], MESSAGES["unknown role"])]
    assert office.admin.page()["totalElements"] == before and not found(office, row["email"])


UNUSABLE = {
    "empty": b"",
    "header only": HEADER.encode() + b"\n",
    "blank lines only": b"\n;;;\n",
    "Latin-1": HEADER.encode() + b"\nj\xfcrgen@example.com;J\xfcrgen;;ADMIN;Secret-7;;;\n",
    "no column for the name": b"email;role;password\na@example.com;ADMIN;Secret-7\n",
    "no column for the password": b"email;name;role\na@example.com;A;ADMIN\n",
    "a quotation mark that is not closed": HEADER.encode() + b'\na@example.com;"A;;ADMIN;Secret-7;;;\n',
}


@pytest.mark.parametrize("path", CREATING + CHECKING)
@pytest.mark.parametrize("what", UNUSABLE)
def test_what_is_no_file_of_operators_is_refused_as_a_whole(office, what, path):
    assert failures(office.admin.upload(UNUSABLE[what], path), 400) == []


def test_an_upload_has_the_part_file_and_a_bound(office):
    admin = office.admin
    for path in CREATING + CHECKING:
        assert failures(admin.post(path, files={"data": ("a.csv", table(office.row()))}), 400) == []
    told(admin.post("/csv", data=table(office.row()).encode(), headers={"Content-Type": "text/csv"}), 415)
    told(admin.post("/csv", {"file": "x"}), 415)
    large = HEADER + "\n" + ("x" * 1023 + "\n") * (10 * 1024 + 1)
    told(admin.upload(large, "/csv/silent"), 413)


def test_two_files_with_one_address_at_once_make_one_operator(office):
    row = office.row()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: office.admin.upload(table(row)), range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    for answer in answers:
        if answer.status_code == 400:
            assert failures(answer, 400) == [(row["email"], MESSAGES["taken"])]
    assert office.admin.page(searchTerms=row["email"])["totalElements"] == 1
