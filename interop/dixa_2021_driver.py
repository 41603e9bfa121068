"""Drives `dixa` 0.1.0, which is installed beside this interpreter: a call a line in, what it returned a line out.

Its objects become plain data here, and `{"User": …}` and `{"UserList": …}` in arguments become its objects.
"""

import json
import sys
from urllib.parse import urlsplit

import requests
from dixa import DixaClient, User, UserList
from pydantic import BaseModel, SecretStr

exchanges = []
send = requests.adapters.HTTPAdapter.send


def watched(self, request, **options):
    response = send(self, request, **options)
    told = {"method": request.method, "status": response.status_code, "body": response.text}
    # Looked for in one letter case by whoever reads this.
    told["headers"] = {name.lower(): value for name, value in response.headers.items()}
    exchanges.append((urlsplit(request.url).path, told))
    return response


def made(argument):
    if isinstance(argument, dict):
        if "User" in argument:
            return User(**argument["User"])
        if "UserList" in argument:
            return UserList(data=[User(**user) for user in argument["UserList"]])
    return argument


def plain(result):
    return json.loads(result.json()) if isinstance(result, BaseModel) else result


def main():
    requests.adapters.HTTPAdapter.send = watched
    token = json.loads(sys.stdin.readline())
    client = DixaClient(api_key=SecretStr(token), base_url=sys.argv[1])
    for line in sys.stdin:
        call = json.loads(line)
        exchanges.clear()
        arguments = {name: made(value) for name, value in call["arguments"].items()}
        try:
            told = {"result": plain(getattr(client, call["method"])(**arguments))}
        except Exception as error:
            response = getattr(error, "response", None)
            status = None if response is None else response.status_code
            told = {"error": {"name": type(error).__name__, "text": str(error), "status": status}}
        print(json.dumps({**told, "exchanges": exchanges}), flush=True)


main()
