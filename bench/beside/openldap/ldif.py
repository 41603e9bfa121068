"""People, a JSON object a line, as LDIF: the suffix, the administrator, the unit, and everybody in it."""

import base64
import json
import sys

HEAD = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: uid=admin,dc=example,dc=org
objectClass: account
objectClass: simpleSecurityObject
uid: admin
userPassword: secret

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

"""


def attribute(name, value):
    """What is not ASCII has to be wrapped in base64."""
    if value.isascii():
        return f"{name}: {value}\n"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}\n"


sys.stdout.write(HEAD)
for line in sys.stdin:
    person = json.loads(line)
    first, last = person["first_name"], person["last_name"]
    sys.stdout.write(
        f"dn: uid={person['id']},ou=people,dc=example,dc=org\n"
        f"objectClass: inetOrgPerson\nuid: {person['id']}\n"
        + attribute("cn", f"{first} {last}")
        + attribute("givenName", first)
        + attribute("sn", last)
        + attribute("mail", person["email"])
        + "\n"
    )
