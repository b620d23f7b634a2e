"""What an object of the API shows and takes, as data; and bodies read by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Call
from nacre.kernel.policy import NotAllowed, Policy
from nacre.network import policy
from nacre.network.api.kinds import DESCRIPTION, Kind, text
from nacre.network.errors import HTTPBadRequest


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute. `field` is its name in the struct it becomes, `name` that on the wire.

    `post` and `put`: whether it may be said when an object is made or changed; `needed`: that it must be said when
    one is made. `admin`: only the operator may say it; `hidden`: only the operator sees it.
    """

    name: str
    kind: Kind
    field: str = ""
    post: bool = False
    put: bool = False
    needed: bool = False
    admin: bool = False
    hidden: bool = False

    @property
    def key(self) -> str:
        return self.field or self.name.replace(":", "_")


def shown(name: str, kind: Kind = DESCRIPTION, **more: Any) -> Attribute:
    """An attribute that nobody may set."""
    return Attribute(name=name, kind=kind, **more)


def fixed(name: str, kind: Kind, **more: Any) -> Attribute:
    """An attribute that is set when the object is made, and stays."""
    return Attribute(name=name, kind=kind, post=True, **more)


def free(name: str, kind: Kind, **more: Any) -> Attribute:
    """An attribute that may always be set."""
    return Attribute(name=name, kind=kind, post=True, put=True, **more)


PROJECT = ("project_id", "tenant_id")
STANDARD = (
    shown("id"),
    fixed("project_id", text()),
    fixed("tenant_id", text(), field="project_id"),
    free("description", DESCRIPTION),
    shown("tags"),
    shown("revision_number"),
    shown("created_at"),
    shown("updated_at"),
)


HISTORIC = tuple(each for each in STANDARD if each.name != "tags")
"""What objects have that carry a history, and no tags."""

OWNED = STANDARD[:3]
"""What objects have that carry neither tags nor a history."""


class Whole(msgspec.Struct):
    """A body as it came: one object, or several, under the name of its noun."""

    members: dict[str, Any] = {}


ANY_BODY: Body[Whole] = Body(Whole, rest="members")


class Given(msgspec.Struct, frozen=True):
    """What a caller said of one object, by the names of struct fields."""

    said: Mapping[str, Any]

    def has(self, name: str) -> bool:
        return name in self.said

    def get(self, name: str, default: Any = None) -> Any:
        return self.said.get(name, default)

    def without(self, *names: str) -> dict[str, Any]:
        return {name: value for name, value in self.said.items() if name not in names}


def unwrap(whole: Whole, name: str) -> Mapping[str, Any]:
    """The one object in a body. Raises HTTPBadRequest."""
    inner = whole.members.get(name)
    if len(whole.members) != 1 or not isinstance(inner, dict):
        raise HTTPBadRequest(f"Unable to find '{name}' in request body")
    return inner


def read(
    call: Call[Any], attributes: Mapping[str, Attribute], raw: Mapping[str, Any], *, action: Policy
) -> Given:
    """What `raw` says, checked: known, allowed on this method and for this caller, and of its kind.

    Errors: HTTPBadRequest, Bad, NotAllowed.
    """
    unknown = sorted(name[:60] for name in raw.keys() - attributes.keys())
    if unknown:
        raise HTTPBadRequest(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    making = call.method == "POST"
    said: dict[str, Any] = {}
    for name, value in raw.items():
        attribute = attributes[name]
        if not (attribute.post if making else attribute.put):
            raise HTTPBadRequest(
                f"Attribute '{name}' not allowed in POST"
                if making
                else f"Cannot update read-only attribute {name}"
            )
        if attribute.admin and not policy.ADMINISTER.allows(call.caller, {}):
            raise NotAllowed(f"{action.name}:{name}")
        try:
            said[attribute.key] = attribute.kind(value)
        except ValueError as error:
            raise Bad(str(error), where=name) from error
    if making:
        _check_needed(attributes.values(), said)
    return Given(said)


def _check_needed(attributes: Sequence[Attribute] | Any, said: Mapping[str, Any]) -> None:
    for attribute in attributes:
        if attribute.needed and attribute.key not in said:
            raise HTTPBadRequest(
                f"Failed to parse request. Required attribute '{attribute.name}' not specified"
            )


def project_of(call: Call[Any], given: Given) -> str:
    """Whose a new object will be. Raises HTTPBadRequest where somebody makes it for another project."""
    wanted = given.get("project_id") or call.project_id
    if wanted != call.project_id and not policy.ADMINISTER.allows(call.caller, {}):
        raise HTTPBadRequest(
            "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request "
            "requires admin privileges"
        )
    return str(wanted)
