"""Services beside their published descriptions: every operation is there, and answers as it says.

The clients of the services' own tests look up each of their answers in it (`answers.CheckedClient`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.kernel.http.routes import NoSuchMethod, NoSuchPath, RouteTree
from nacre.kernel.http.versions import UNVERSIONED
from tests.conformance.identity import IDENTITY
from tests.conformance.services import SERVICES
from tests.support.asgi import AsgiClient

every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_every_operation_of_the_description_is_answered(name: str):
    service = SERVICES[name]
    tree = RouteTree(service.routes)
    missing = set()
    for operation in service.description.operations:
        method, _, path = operation.partition(" ")
        try:
            tree.find(method, path.replace("{", "").replace("}", ""), UNVERSIONED)
        except (NoSuchPath, NoSuchMethod):
            missing.add(operation)

    assert missing == set(service.description.never_were)


@every_service
def test_what_is_left_out_says_so_by_name_and_nothing_else_does(name: str, tmp_path: Path):
    service = SERVICES[name]
    running = service.begin(tmp_path)
    admin = AsgiClient(running.http, token=running.token_of("admin") or "")
    refused = set()
    for operation in service.description.operations:
        method, _, path = operation.partition(" ")
        if admin.request(method, f"{service.description.prefix}{path}", json={}).status == 501:
            refused.add(operation)
    running.close()

    left_out = {each for each in service.description.operations if service.description.is_left_out(each)}
    assert refused == left_out


@every_service
def test_every_exception_is_of_something_that_is_described(name: str):
    description = SERVICES[name].description
    operations = set(description.operations)

    assert {
        key for key in description.exceptions if ": " in key and key.partition(": ")[0] not in operations
    } == set()


def test_the_description_is_heeded():
    said = b'{"user": {"id": 7}}'

    assert any("user/id" in each for each in IDENTITY.complaints("GET", "/identity/v3/users/u", 200, said))
    assert IDENTITY.complaints("GET", "/identity/v3/users/u", 404, said) == []
