"""Identity beside its published description: every operation is there, and answers as it says.

The clients of the other tests here look up each of their answers in it (`conftest.CheckedClient`).
"""

from __future__ import annotations

from nacre.identity.api.routes import ROUTES
from nacre.kernel.http.routes import NoSuchMethod, NoSuchPath, RouteTree
from nacre.kernel.http.versions import UNVERSIONED
from tests.conformance.identity import EXCEPTIONS, IDENTITY

NEVER_WERE = {
    *(f"{method} /v3/OS-OAUTH2/token" for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")),
    *(f"{method} /v3/{door}" for method in ("GET", "HEAD") for door in ("ec2tokens", "s3tokens")),
}
"""Doors that can only be posted to; the description names other methods, and the service it is of has none."""
LEFT_OUT = ("/v3/OS-OAUTH1", "/v3/OS-SIMPLE-CERT", "saml2", "OS-OAUTH1")


def test_every_operation_of_the_description_is_answered():
    tree = RouteTree(ROUTES)
    missing = []
    for operation in IDENTITY.operations:
        method, _, path = operation.partition(" ")
        try:
            tree.find(method, path.replace("{", "").replace("}", ""), UNVERSIONED)
        except (NoSuchPath, NoSuchMethod):
            missing.append(operation)

    assert set(missing) == NEVER_WERE


def test_what_is_left_out_says_so_by_name(site):
    admin = site.as_user()
    answers = {}
    for operation in IDENTITY.operations:
        method, _, path = operation.partition(" ")
        if any(word in path for word in LEFT_OUT):
            answers[operation] = admin.request(method, f"/identity{path}", json={}).status

    assert len(answers) > 15
    assert {operation: status for operation, status in answers.items() if status != 501} == {}


def test_the_description_is_heeded():
    said = b'{"user": {"id": 7}}'

    assert any("user/id" in each for each in IDENTITY.complaints("GET", "/identity/v3/users/u", 200, said))
    assert IDENTITY.complaints("GET", "/identity/v3/users/u", 404, said) == []


def test_every_exception_is_of_something_that_is_described():
    operations = set(IDENTITY.operations)

    assert {key for key in EXCEPTIONS if ": " in key and key.partition(": ")[0] not in operations} == set()
