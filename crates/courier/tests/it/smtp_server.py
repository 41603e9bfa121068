"""A real SMTP server for the tests. Prints its port, then a line per mail that it takes: sender, recipients, base64."""
import asyncio
import base64
import sys

from aiosmtpd.smtp import SMTP, AuthResult

MODE = sys.argv[1]
REFUSALS = {
    "451": "451 4.3.0 <%s> try again later",
    "550": "550 5.1.1 <%s> user unknown",
    "552": "552 mailbox of %s is full",
}


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if MODE in REFUSALS:
            return REFUSALS[MODE] % address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if MODE == "silent":
            await asyncio.sleep(600)
        content = base64.b64encode(envelope.original_content).decode()
        print(envelope.mail_from, ",".join(envelope.rcpt_tos), content, flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"denizen", b"p@ss word")
    return AuthResult(success=good, handled=False)


async def main():
    options = {"enable_SMTPUTF8": False}
    if MODE == "auth":
        options |= {"auth_required": True, "auth_require_tls": False, "authenticator": authenticate}
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Handler(), **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
