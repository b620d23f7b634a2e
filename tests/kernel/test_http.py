from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from nacre.kernel.clock import SystemClock
from nacre.kernel.config import HttpSettings
from nacre.kernel.database import Database
from nacre.kernel.errors import Unavailable
from nacre.kernel.http.app import HttpApp, Service, plain_envelope
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Accepted, Answer, Call, Ok, Stream
from nacre.kernel.http.routes import Route
from nacre.kernel.http.versions import Version, Versions, Windows, since, until
from nacre.kernel.policy import OWN_READER, PUBLIC, Caller, Policy
from nacre.kernel.wakes import Wakes
from tests.support.asgi import AsgiClient


class CreateThing(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=8)]
    size: int = 1
    tags: tuple[str, ...] = ()


CREATE_THING = Body(CreateThing, key="thing", windows={"tags": since("2.5")}, required={"tags": since("2.9")})
THING_VIEW = Windows({"colour": since("2.7"), "shade": until("2.6")})
READ = Policy("test:things:show", OWN_READER)


class Away(Unavailable):
    def __str__(self) -> str:
        return "the switch does not answer"


def create(call: Call[Any], ask: CreateThing) -> Answer:
    return Accepted({"thing": msgspec.structs.asdict(ask)})


def show(call: Call[Any], thing_id: str) -> Answer:
    view = {"id": thing_id, "colour": "red", "shade": "dark"}
    return Ok(
        {"thing": THING_VIEW.project(view, call.version), "mine": call.sees("p1"), "theirs": call.sees("p2")}
    )


def newest(call: Call[Any]) -> Answer:
    return Ok("newest")


def explode(call: Call[Any]) -> Answer:
    raise ZeroDivisionError("a secret detail")


def away(call: Call[Any]) -> Answer:
    raise Away


async def count(call: Call[Any]) -> Answer:
    size = 0
    async for chunk in call.chunks():
        size += len(chunk)
    return Ok({"size": size})


def download(call: Call[Any]) -> Stream:
    async def pieces():
        yield b"abc"
        yield b"def"

    return Stream(pieces(), size=6)


ROUTES = (
    Route("POST", "/things", create, READ, body=CREATE_THING),
    Route("GET", "/things/newest", newest, READ, window=since("2.3")),
    Route("GET", "/things/{thing_id}", show, READ),
    Route("GET", "/explode", explode, PUBLIC),
    Route("GET", "/away", away, PUBLIC),
    Route("PUT", "/count", count, PUBLIC, reads_stream=True),
    Route("GET", "/download", download, PUBLIC),
)
VERSIONS = Versions(
    service_type="thing", minimum=Version(2, 1), maximum=Version(2, 10), legacy_header="X-Thing-Version"
)


class Tokens:
    def authenticate(self, token: str) -> Caller:
        roles = tuple(token.split("+"))
        return Caller(
            user_id="u1",
            user_name="u",
            user_domain_id="d",
            user_domain_name="D",
            project_id="p1",
            roles=roles,
        )


@pytest.fixture
def app(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.db", clock=SystemClock(), wakes=Wakes())
    services = [
        Service(
            "thing", "/thing", ROUTES, None, plain_envelope, VERSIONS, id_headers=("X-Thing-Request-Id",)
        ),
        Service(
            "secret", "/secret", (Route("GET", "/", newest, PUBLIC),), None, plain_envelope, local_only=True
        ),
    ]
    application = HttpApp(
        services, database=database, authenticator=Tokens(), settings=HttpSettings(max_body_bytes=500)
    )
    yield application
    application.close()
    database.close()


@pytest.fixture
def client(app):
    return AsgiClient(app, token="reader")


def version(text: str) -> dict[str, str]:
    return {"OpenStack-API-Version": f"thing {text}"}


def test_a_request_without_a_token_is_refused_and_told_where_tokens_are_made(app):
    reply = AsgiClient(app).get("/thing/things/1")

    assert reply.status == 401
    assert "www-authenticate" in reply.headers


def test_a_caller_without_the_role_is_forbidden(app):
    reply = AsgiClient(app, token="stranger").get("/thing/things/1")

    assert reply.status == 403
    assert "test:things:show" in reply.json["error"]["message"]


@pytest.mark.parametrize(("roles", "sees"), [("reader", (True, False)), ("admin", (True, True))])
def test_a_policy_is_asked_again_about_each_owner(app, roles, sees):
    answer = AsgiClient(app, token=roles).get("/thing/things/1").json

    assert (answer["mine"], answer["theirs"]) == sees


def test_every_answer_bears_its_request_id_under_every_name_its_clients_know(client):
    for path in ("/thing/things/1", "/thing/nowhere", "/thing/explode"):
        headers = client.get(path).headers
        assert headers["x-openstack-request-id"].startswith("req-")
        assert headers["x-thing-request-id"] == headers["x-openstack-request-id"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'"\xff"', "not valid JSON"),
        (b"[" * 400, "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"{}", "an object named 'thing'"),
        (b'{"thing": []}', "an object named 'thing'"),
        (b'{"thing": {"name": 5}}', "thing.name: Expected `str`"),
        (b'{"thing": {"name": ""}}', "thing.name"),
        (b'{"thing": {"name": "far too long"}}', "thing.name"),
        (b'{"thing": {"name": "a", "size": "1"}}', "thing.size: Expected `int`"),
        (b'{"thing": {"name": "a", "size": 1e400}}', "not valid JSON"),
        (b'{"thing": {"name": "a", "other": 1}}', "'other' unexpected"),
        (b'{"thing": {"name": "a"}, "beside": 1}', "'beside' beside 'thing'"),
        (b'{"thing": {"size": 1}}', "missing required field `name`"),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused_with_the_place(client, body, complaint):
    reply = client.post("/thing/things", body=body, headers={"Content-Type": "application/json"})

    assert reply.status == 400
    assert complaint in reply.json["error"]["message"]


def test_a_body_of_another_type_is_not_read(client):
    reply = client.post("/thing/things", body=b"name=a", headers={"Content-Type": "text/plain"})

    assert reply.status == 415


@pytest.mark.parametrize("announce", [True, False])
def test_a_huge_body_is_refused_before_it_is_read_whole(client, announce):
    headers = {"Content-Length": "501"} if announce else {}
    reply = client.post("/thing/things", body=[b" " * 300, b" " * 201], headers=headers)

    assert reply.status == 413


def test_a_length_that_is_no_number_is_not_taken_for_one(client):
    reply = client.post("/thing/things", body=b"{}", headers={"Content-Length": "\u00b3"})

    assert reply.status == 400


def test_a_caller_who_hangs_up_in_the_middle_of_a_body_changes_nothing(client):
    body = b'{"thing": {"name": "a"}}'

    assert client.post("/thing/things", body=[body], hang_up=True).status == 400


def test_a_field_exists_only_within_its_window(client):
    ask = {"thing": {"name": "a", "tags": ["x"]}}

    assert client.post("/thing/things", json=ask, headers=version("2.4")).status == 400
    assert client.post("/thing/things", json=ask, headers=version("2.5")).status == 202
    without = {"thing": {"name": "a"}}
    assert client.post("/thing/things", json=without, headers=version("2.8")).status == 202
    assert client.post("/thing/things", json=without, headers=version("2.9")).status == 400


def test_answers_are_projected_to_the_version_asked_for(client):
    old = client.get("/thing/things/1", headers=version("2.6")).json["thing"]
    new = client.get("/thing/things/1", headers=version("latest")).json["thing"]

    assert old == {"id": "1", "shade": "dark"}
    assert new == {"id": "1", "colour": "red"}


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({}, "2.1"),
        (version("2.7"), "2.7"),
        (version("latest"), "2.10"),
        ({"OpenStack-API-Version": "volume 3.7, thing 2.4"}, "2.4"),
        ({"X-Thing-Version": "2.3"}, "2.3"),
        ({"X-Thing-Version": "2.3"} | version("2.5"), "2.5"),
    ],
)
def test_the_version_is_negotiated_and_told(client, headers, answered):
    reply = client.get("/thing/things/1", headers=headers)

    assert reply.headers["openstack-api-version"] == f"thing {answered}"
    assert reply.headers["x-thing-version"] == answered
    assert reply.headers["vary"] == "OpenStack-API-Version, X-Thing-Version"


@pytest.mark.parametrize(
    ("asked", "status"), [("2.11", 406), ("3.0", 406), ("1.0", 406), ("two", 400), ("2.01", 400)]
)
def test_a_version_outside_the_range_is_not_acceptable(client, asked, status):
    assert client.get("/thing/things/1", headers=version(asked)).status == status


def test_a_literal_segment_wins_over_a_name_within_its_window(client):
    assert client.get("/thing/things/newest", headers=version("2.3")).json == "newest"
    assert client.get("/thing/things/newest", headers=version("2.2")).status == 404


@pytest.mark.parametrize(
    ("sent", "meant"), [("a%2Fb", "a/b"), ("50%25", "50%"), ("%2541", "%41"), ("%C3%A9", "é")]
)
def test_a_name_in_the_path_is_decoded_once_and_may_hold_a_slash(client, sent, meant):
    assert client.get(f"/thing/things/{sent}").json["thing"]["id"] == meant


def test_unknown_paths_and_methods_are_told_apart(client):
    assert client.get("/thing/nothing/here").status == 404
    assert client.get("/nothing").status == 404
    reply = client.put("/thing/things/1")
    assert reply.status == 405
    assert "GET" in reply.json["error"]["message"]


def test_head_is_answered_as_get(client):
    assert client.head("/thing/things/1").status == 200


def test_our_own_mistakes_tell_the_caller_nothing_but_the_request_id(client, caplog):
    reply = client.get("/thing/explode")

    assert reply.status == 500
    assert b"secret" not in reply.body
    assert reply.json["error"]["request_id"] == reply.headers["x-openstack-request-id"]
    assert "a secret detail" in caplog.text


def test_what_is_away_says_when_to_try_again(client):
    reply = client.get("/thing/away")

    assert (reply.status, reply.headers["retry-after"]) == (503, "2")


def test_streams_flow_both_ways(client):
    assert client.put("/thing/count", body=[b"x" * 1000, b"y" * 1000]).json == {"size": 2000}
    reply = client.get("/thing/download")
    assert (reply.body, reply.headers["content-length"]) == (b"abcdef", "6")


def test_local_services_are_invisible_from_the_network(app):
    assert AsgiClient(app).get("/secret/").status == 404
    assert AsgiClient(app, local=True).get("/secret/").status == 200


def test_a_query_string_of_garbage_is_refused(client):
    assert client.get("/thing/things/1?name=%ff%fe").status == 400
