"""Who may do what, at every route of every service: as the policy says, and a stranger cannot tell what there is.

The cases are generated from the route tables. Things are found by listing the collection they are shown in, so a
new route is walked by itself, and meets a real thing as soon as the world below makes one of its kind.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec
import pytest

from nacre.identity.api import guard
from nacre.kernel.http.app import Service
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import BASE_RULES, PUBLIC, Caller, Policy
from nacre.kernel.rules import ALWAYS
from tests.support import asgi
from tests.support.asgi import AsgiClient, Reply
from tests.support.cloud import FakeCloud

ROLES = ("admin", "manager", "member", "reader", "service", "visitor")
"""The roles of the cloud, and one that no rule names."""
WORDS_OF_ALL = ("role_id", "prior_role_id", "implied_role_id", "tag")
"""What is no secret as such: roles are words of the whole cloud, tags are the caller's own words."""
OWN_GUARD = {"agent"}
V3 = "/identity/v3"
WIDTH = 24
"""How many requests are on their way at once."""


@dataclass(frozen=True)
class Persona:
    """Somebody with one role, and a token for one place."""

    role: str
    place: str
    token: str
    caller: Caller

    @property
    def is_stranger(self) -> bool:
        """Whether nothing of the lab is theirs: neither its project, its domain, nor the whole system."""
        return self.role not in ("admin", "service") and self.place in ("other", "nowhere", "other domain")

    def __str__(self) -> str:
        return f"{self.role} in {self.place}"


@dataclass(frozen=True)
class Thing:
    """Where a path leads. It is `owned` when what it names is the lab's, `real` when it names anything at all."""

    path: str
    real: bool
    owned: bool


@dataclass
class World:
    """A cloud in which a lab owns one of each thing, and strangers live beside it."""

    cloud: FakeCloud
    ids: dict[str, str] = field(default_factory=dict)
    personas: list[Persona] = field(default_factory=list)
    _shelves: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def admin(self) -> AsgiClient:
        return self.cloud.client("admin")

    @cached_property
    def owner(self) -> AsgiClient:
        return AsgiClient(self.cloud.cloud.http, token=self.ids["owner_token"])

    @cached_property
    def stranger(self) -> AsgiClient:
        (who,) = (each for each in self.personas if (each.role, each.place) == ("member", "other"))
        return AsgiClient(self.cloud.cloud.http, token=who.token)

    def caller_of(self, client: AsgiClient) -> Caller:
        """Who a client is."""
        caller: Caller = self.cloud.cloud.http._authenticator.authenticate(client.token)
        return caller

    @property
    def routes(self) -> Sequence[tuple[Service, Route]]:
        """Every route that asks a policy of a user."""
        return [
            (service, route)
            for service in self.cloud.cloud.http.services
            for route in service.routes
            if route.policy is not PUBLIC and service.name not in OWN_GUARD
        ]

    def cases(self, service: Service) -> Iterator[Persona]:
        """Those who come to a service; only identity knows domains and the system."""
        for persona in self.personas:
            if service.name == "identity" or persona.place in ("own", "other", "nowhere"):
                yield persona

    # -- finding things ----------------------------------------------------------------------------------

    def thing(self, service: Service, route: Route) -> Thing:
        """What a route's path can lead to in this world, each part found in the list of the part before it."""
        path, real, owned = service.prefix.rstrip("/"), True, False
        for segment in route.path.strip("/").split("/"):
            if not segment.startswith("{"):
                path += f"/{segment}"
                continue
            found = self._found_in(service, path) or self._named_by(segment[1:-1])
            real = real and found is not None
            owned = owned or (found is not None and found[1] and segment[1:-1] not in WORDS_OF_ALL)
            path += f"/{found[0] if found else uuid.uuid4().hex}"
        return Thing(path=path, real=real, owned=owned)

    def _found_in(self, service: Service, collection: str) -> tuple[str, bool] | None:
        """The id of a thing in a list, and whether it is the lab's; None for an empty list, or none at all."""
        if collection not in self._shelves:
            self._shelves[collection] = self._look_into(service, collection)
        found: tuple[str, bool] | None = self._shelves[collection]
        return found

    def _named_by(self, parameter: str) -> tuple[str, bool] | None:
        """What a word such as `project_id` means where no list is behind it, as in quotas."""
        known = {"project_id": "project", "user_id": "owner", "domain_id": "domain"}
        return (self.ids[known[parameter]], True) if parameter in known else None

    def _look_into(self, service: Service, collection: str) -> tuple[str, bool] | None:
        hidden = {name_of(row) for row in self._rows(self.owner, service, collection)}
        hidden -= {name_of(row) for row in self._rows(self.stranger, service, collection)}
        found: dict[str, bool] = {}
        for client in (self.owner, self.admin):
            for row in self._rows(client, service, collection):
                name = name_of(row)
                if name and "/" not in name:
                    found[name] = found.get(name, False) or name in hidden or self._is_owned(row)
        return max(found.items(), key=lambda each: (each[1], each[0] in self.ids.values()), default=None)

    def _rows(self, client: AsgiClient, service: Service, collection: str) -> list[Any]:
        reply = client.get(collection, headers=version_of(service, None))
        if reply.status != 200 or not reply.body.startswith(b"{"):
            return []
        return [row for each in reply.json.values() if isinstance(each, list) for row in each]

    def _is_owned(self, row: Any) -> bool:
        if not isinstance(row, dict):
            return False
        row = next(
            (value for value in row.values() if isinstance(value, dict) and "fingerprint" in value), row
        )
        ours = {self.ids["project"], self.ids["domain"], self.ids["owner"]}
        keys = ("project_id", "tenant_id", "owner", "domain_id", "user_id", "parent_id")
        return row.get("id") in ours or any(row.get(key) in ours for key in keys)

    # -- asking ------------------------------------------------------------------------------------------

    def ask_all(self, questions: Sequence[tuple[str, str, Service, Route]]) -> list[Reply]:
        """The answers to (token, path, service, route), some of them at once."""
        answers: list[Any] = [None] * len(questions)

        async def work(waiting: Iterator[tuple[int, tuple[str, str, Service, Route]]]) -> None:
            for at, (token, path, service, route) in waiting:
                answers[at] = await exchange(self.cloud.cloud.http, token, path, service, route)

        async def everything() -> None:
            waiting = iter(enumerate(questions))
            await asyncio.gather(*(work(waiting) for _ in range(WIDTH)))

        asgi._run(everything())
        return answers


async def exchange(app: Any, token: str, path: str, service: Service, route: Route) -> Reply:
    headers = {"x-auth-token": token, "content-type": "application/json", "host": "cloud.test"}
    headers |= {name.lower(): value for name, value in version_of(service, route).items()}
    if path.startswith(f"{V3}/auth/tokens"):
        headers["x-subject-token"] = token
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": route.method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": None, "server": ("cloud.test", 80),
    }  # fmt: skip
    return await asgi._exchange(app, scope, [body_of(route)], hang_up=False)


def version_of(service: Service, route: Route | None) -> dict[str, str]:
    if service.versions is None:
        return {}
    newest = service.versions.maximum
    window = route.window if route else None
    version = newest if window is None else min(window.last, newest)
    return {"OpenStack-API-Version": f"{service.versions.service_type} {version}"}


def name_of(row: Any) -> str | None:
    """The word by which a thing of a list is addressed."""
    if isinstance(row, str):
        return row
    if not isinstance(row, dict):
        return None
    if len(row) == 1 and isinstance(inner := next(iter(row.values())), dict):
        row = inner
    found = next((row[key] for key in ("id", "uuid", "alias", "name") if row.get(key)), None)
    return str(found) if found is not None else None


# -- bodies that get past the reading of them --------------------------------------------------------------


def body_of(route: Route) -> bytes:
    """A body with what must be there, so that a request comes as far as to be refused for who asks."""
    if route.body is not None:
        fields = least(msgspec.inspect.type_info(route.body.shape))
        return msgspec.json.encode({route.body.key: fields} if route.body.key else fields)
    if route.method in ("POST", "PUT", "PATCH"):
        words = [word for word in route.path.split("/") if word and not word.startswith("{")]
        noun = re.sub(r"ies$", "y", words[-1]).removesuffix("s").replace("-", "_") if words else "thing"
        return msgspec.json.encode({noun: {"name": "new"}})
    return b""


def least(kind: Any) -> Any:
    """A small value of a type; of a struct, what is required and a new description."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            return {
                each.encode_name: least(each.type)
                for each in fields
                if each.required or each.encode_name in ("description", "enabled")
            }
        case msgspec.inspect.StrType(pattern=pattern):
            return "http://new.test" if pattern and "://" in pattern else "new"
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.IntType(ge=ge) | msgspec.inspect.FloatType(ge=ge):
            return ge or 1
        case msgspec.inspect.UnionType(types=types):
            return least(types[0])
        case msgspec.inspect.LiteralType(values=values):
            return values[0]
        case msgspec.inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
            return [least(item)]
        case msgspec.inspect.DictType():
            return {}
        case _:
            return None


# -- the world ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cloud = FakeCloud(tmp_path_factory.mktemp("cloud"))
    built = World(cloud)
    people(built)
    belongings(built)
    cloud.settle()
    yield built
    cloud.close()


def made(client: AsgiClient, path: str, body: Mapping[str, Any], **headers: str) -> Any:
    reply = client.post(path, json=body, headers=headers)
    assert reply.status in (200, 201, 202), (path, reply)
    return next((value for value in reply.json.values() if isinstance(value, dict)), reply.json)


def people(world: World) -> None:
    """A lab with a domain and a project of its own, somebody else's beside it, and everyone at every place."""
    admin = world.admin
    world.ids["domain"] = made(admin, f"{V3}/domains", {"domain": {"name": "lab"}})["id"]
    world.ids["other_domain"] = made(admin, f"{V3}/domains", {"domain": {"name": "elsewhere"}})["id"]
    for name, domain in (("project", "domain"), ("other", "other_domain")):
        ask = {"name": name, "domain_id": world.ids[domain]}
        world.ids[name] = made(admin, f"{V3}/projects", {"project": ask})["id"]
    made(admin, f"{V3}/roles", {"role": {"name": "visitor"}})
    roles = {role["name"]: role["id"] for role in admin.get(f"{V3}/roles").json["roles"]}
    places = {
        "own": ("project", world.ids["project"]),
        "other": ("project", world.ids["other"]),
        "own domain": ("domain", world.ids["domain"]),
        "other domain": ("domain", world.ids["other_domain"]),
        "everywhere": ("system", "all"),
    }
    for role in ROLES:
        user = new_user(world, role, domain="other_domain")
        for place, (kind, target) in places.items():
            where = "system" if kind == "system" else f"{kind}s/{target}"
            assert admin.put(f"{V3}/{where}/users/{user}/roles/{roles[role]}").status == 204
            scope = {"system": {"all": True}} if kind == "system" else {kind: {"id": target}}
            world.personas.append(persona(world, role, place, scope))
    world.personas.append(persona(world, "visitor", "nowhere", "unscoped"))
    world.ids["owner"] = new_user(world, "owner", domain="domain")
    admin.put(f"{V3}/projects/{world.ids['project']}/users/{world.ids['owner']}/roles/{roles['member']}")
    scope = {"project": {"id": world.ids["project"]}}
    world.ids["owner_token"] = log_in(world, "owner", scope, domain="domain")


def new_user(world: World, name: str, *, domain: str) -> str:
    ask = {"name": name, "password": name, "domain_id": world.ids[domain]}
    user_id: str = made(world.admin, f"{V3}/users", {"user": ask})["id"]
    return user_id


def log_in(world: World, name: str, scope: Any, *, domain: str) -> str:
    who = {"name": name, "password": name, "domain": {"id": world.ids[domain]}}
    auth = {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}
    reply = world.cloud.stranger().post(f"{V3}/auth/tokens", json={"auth": auth})
    assert reply.status == 201, reply
    return reply.headers["x-subject-token"]


def persona(world: World, role: str, place: str, scope: Any) -> Persona:
    token = log_in(world, role, scope, domain="other_domain")
    return Persona(role, place, token, world.caller_of(AsgiClient(world.cloud.cloud.http, token=token)))


def belongings(world: World) -> None:
    """One of each thing that the lab can own."""
    admin, owner, ids = world.admin, world.owner, world.ids
    lab = {"domain_id": ids["domain"]}
    group = made(admin, f"{V3}/groups", {"group": {"name": "crew", **lab}})["id"]
    admin.put(f"{V3}/groups/{group}/users/{ids['owner']}")
    made(admin, f"{V3}/roles", {"role": {"name": "chief", **lab}})
    made(admin, f"{V3}/projects", {"project": {"name": "below", "parent_id": ids["project"]}})
    key = {"type": "other", "blob": "b", "user_id": ids["owner"], "project_id": ids["project"]}
    made(owner, f"{V3}/credentials", {"credential": key})
    own = f"{V3}/users/{ids['owner']}"
    made(owner, f"{own}/application_credentials", {"application_credential": {"name": "ci"}})
    network = made(owner, "/networking/v2.0/networks", {"network": {"name": "lab"}})["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.9.0.0/24"}
    made(owner, "/networking/v2.0/subnets", {"subnet": subnet})
    made(owner, "/networking/v2.0/ports", {"port": {"network_id": network}})
    made(owner, "/networking/v2.0/routers", {"router": {"name": "lab"}})
    pool = {"name": "lab", "prefixes": ["10.64.0.0/16"], "default_prefixlen": 24}
    made(owner, "/networking/v2.0/subnetpools", {"subnetpool": pool})
    made(owner, "/networking/v2.0/security-groups", {"security_group": {"name": "lab"}})
    image = {"name": "lab", "disk_format": "raw", "container_format": "bare", "visibility": "shared"}
    made(owner, "/image/v2/images", image)
    compute = "/compute/v2.1"
    flavor = {"name": "small", "ram": 64, "vcpus": 1, "disk": 1}
    flavor_id = made(admin, f"{compute}/flavors", {"flavor": flavor})["id"]
    made(owner, f"{compute}/os-keypairs", {"keypair": {"name": "lab"}})
    made(owner, f"{compute}/os-server-groups", {"server_group": {"name": "lab", "policies": ["affinity"]}})
    (image_id,) = (each["id"] for each in owner.get("/image/v2/images").json["images"])
    octets = {"Content-Type": "application/octet-stream"}
    assert owner.put(f"/image/v2/images/{image_id}/file", body=b"\0" * 4096, headers=octets).status == 204
    server = {"name": "lab", "flavorRef": flavor_id, "imageRef": image_id, "networks": [{"uuid": network}]}
    made(owner, f"{compute}/servers", {"server": server})


# -- the laws ----------------------------------------------------------------------------------------------


REFUSED_BY_THE_WAY = ("/v2.0/qos/policies", "/v2.0/policies")
"""Clients expect to hear first that they say it wrongly, or that it is not there for them, then that they may not."""


def wrongly_let_in(world: World, routes: Sequence[tuple[Service, Route]]) -> list[Any]:
    """Whoever the policy allows nothing at all, and who is not told so."""
    questions, expected = [], []
    for service, route in routes:
        path = world.thing(service, route).path
        for who in world.cases(service):
            if not route.policy.may_allow(who.caller):
                questions.append((who.token, path, service, route))
                expected.append((service.name, route.method, route.path, str(who)))
    answers = world.ask_all(questions)
    return [
        (*case, answer.status)
        for case, answer in zip(expected, answers, strict=True)
        if answer.status != 403
        and not (answer.status in (400, 404) and case[2].startswith(REFUSED_BY_THE_WAY))
    ]


def shape(reply: Reply) -> tuple[int, str]:
    """An answer without what the question itself was about."""
    text = reply.body.decode(errors="replace")
    text = re.sub(r"req-[0-9a-f-]{36}", "REQUEST", text)
    return reply.status, re.sub(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|\b\d+\b", "ID", text)


def told_apart(world: World) -> list[Any]:
    """Where a stranger gets at what is the lab's, or can tell that it is there from what they are answered."""
    questions, cases = [], []
    for service, route in world.routes:
        thing = world.thing(service, route)
        if not thing.owned or route.policy.check is ALWAYS:
            continue
        for who in world.cases(service):
            if who.is_stranger and route.policy.may_allow(who.caller):
                questions += [
                    (who.token, path, service, route) for path in (thing.path, unreal(world, service, route))
                ]
                cases.append((service.name, route.method, route.path, str(who)))
    answers = iter(world.ask_all(questions))
    bad = []
    for case in cases:
        real, random = islice(answers, 2)
        if shape(real) != shape(random) or real.status < 400:
            bad.append((*case, shape(real), shape(random)))
    return bad


def unreal(world: World, service: Service, route: Route) -> str:
    """The same path with an id in place of each of the lab's things that nothing has."""
    ours = world.thing(service, route).path.split("/")
    path = [service.prefix.strip("/"), *route.path.strip("/").split("/")]
    return "/".join(
        ["", *(uuid.uuid4().hex if word.startswith("{") and looks_random(real) else real
               for word, real in zip(path, ours[1:], strict=True))]
    )  # fmt: skip


def looks_random(word: str) -> bool:
    return re.fullmatch(r"[0-9a-f-]{32,36}", word) is not None


def test_there_is_something_to_keep_from_strangers(world: World):
    owned = {
        (service.name, route.path) for service, route in world.routes if world.thing(service, route).owned
    }

    assert len(owned) > 90
    assert {service for service, _ in owned} >= {"identity", "compute", "network", "image"}
    assert len([who for who in world.personas if who.is_stranger]) == 9


def test_whoever_the_policy_allows_nothing_is_refused_at_every_route(world: World):
    assert wrongly_let_in(world, world.routes) == []


def test_a_stranger_neither_gets_at_a_thing_nor_can_tell_that_it_is_there(world: World):
    assert told_apart(world) == []


def test_every_rule_can_be_read_changed_and_asked_for(world: World):
    book = world.caller_of(world.admin).rules

    assert sorted({route.policy.name for _, route in world.routes} - book.defaults.keys()) == []
    for name in book.defaults:
        book.check_sound(name)


def test_no_role_is_named_but_by_the_base_rules(world: World):
    book = world.caller_of(world.admin).rules

    naming = {name for name, rule in book.defaults.items() if "role:" in rule.replace("rule:", "")}
    assert naming - BASE_RULES.keys() == set()


def test_what_the_policy_allows_is_shown_to_its_owner_and_the_rest_to_the_administrator(world: World):
    questions = []
    mine = {"project_id": world.ids["project"], "user_id": world.ids["owner"]}
    for service, route in world.routes:
        thing = world.thing(service, route)
        if route.method == "GET" and thing.real and route.path.endswith("}"):
            is_mine = thing.owned and route.policy.allows(world.caller_of(world.owner), mine)
            client = world.owner if is_mine else world.admin
            questions.append((client.token, thing.path, service, route))

    answers = world.ask_all(questions)

    refused = [
        (path, answer)
        for (_, path, *_), answer in zip(questions, answers, strict=True)
        if answer.status in (401, 403, 404)
    ]
    assert len(questions) > 30
    assert refused == []


def test_the_law_sees_a_policy_that_lets_everybody_in(world: World, monkeypatch: pytest.MonkeyPatch):
    path = "/v2.1/servers/{server_id}"
    broken = "compute:servers:show"
    allows = Policy.allows
    monkeypatch.setattr(
        Policy, "allows", lambda policy, *asked: policy.name == broken or allows(policy, *asked)
    )

    assert ("compute", "GET", path) in {case[:3] for case in told_apart(world)}


def test_the_law_sees_an_answer_that_tells_what_exists(world: World, monkeypatch: pytest.MonkeyPatch):
    def too_honest(call: Any, load: Any, target_of: Any) -> Any:
        load()
        return guard.known(call, load, target_of)

    monkeypatch.setattr("nacre.identity.api.users.known", too_honest)

    assert ("identity", "GET", "/v3/users/{user_id}") in {case[:3] for case in told_apart(world)}


def test_the_law_sees_a_handler_that_does_not_ask(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Policy, "enforce", lambda _policy, _caller, _target: None)
    routes = [(service, route) for service, route in world.routes if route.asks_itself]

    let_in = {case[:3] for case in wrongly_let_in(world, routes)}

    assert ("identity", "PATCH", "/v3/roles/{role_id}") in let_in
