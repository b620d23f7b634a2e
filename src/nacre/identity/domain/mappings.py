"""Mappings: from what an identity provider says of a user to who that is here.

A rule applies when everything it asks of the assertion is there. What it asks for without judging it (a bare type,
or one with a whitelist or blacklist) is numbered in order, and `{0}`, `{1}`, ... in its local side stand for that.
Rules that apply add up: all their groups and projects, and the first user.
Source: Identity API v3 reference, OS-FEDERATION, "Mappings".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

Assertion = Mapping[str, Sequence[str]]
"""What an identity provider says of a user: each attribute with all its values."""

VERSIONS = ("1.0", "2.0")
"""In 2.0 a domain that stands beside a user, a group or projects is theirs where they name none."""

_PLACE = re.compile(r"\{\{|\}\}|\{(\d{1,3})\}|[{}]")
_MOST_NAMES = 1000
"""How many groups one text with placeholders may turn into."""


class DomainName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A domain by id, or by name."""

    id: str | None = None
    name: str | None = None


class LocalUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the user is: `ephemeral` is somebody the provider vouches for, `local` one who must be here already."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    domain: DomainName | None = None
    type: Literal["ephemeral", "local"] = "ephemeral"


class LocalGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group by id, or by name within a domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainName | None = None


class RoleName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


class LocalProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project that is made on first use, and the roles the user has on it."""

    name: str
    roles: tuple[RoleName, ...]
    domain: DomainName | None = None


class Local(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule gives. `groups` are names within `domain`, `group_ids` ids."""

    user: LocalUser | None = None
    group: LocalGroup | None = None
    groups: str | None = None
    group_ids: str | None = None
    projects: tuple[LocalProject, ...] = ()
    domain: DomainName | None = None


class Remote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule asks of one attribute; with `regex` the texts are patterns, found anywhere in a value."""

    type: str
    any_one_of: tuple[str, ...] | None = None
    not_any_of: tuple[str, ...] | None = None
    whitelist: tuple[str, ...] | None = None
    blacklist: tuple[str, ...] | None = None
    regex: bool = False

    @property
    def judges(self) -> bool:
        """Whether the attribute only decides if the rule applies, and is not handed on."""
        return self.any_one_of is not None or self.not_any_of is not None

    @property
    def texts(self) -> tuple[str, ...] | None:
        given = (self.any_one_of, self.not_any_of, self.whitelist, self.blacklist)
        return next((texts for texts in given if texts is not None), None)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who somebody is (`local`) if all of `remote` holds."""

    local: tuple[Local, ...]
    remote: tuple[Remote, ...]


class MappedUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who the assertion is about; `unique_id` is what the provider knows them by for ever."""

    unique_id: str
    name: str
    local: bool = False
    id: str | None = None
    email: str | None = None
    domain: DomainName | None = None


class MappedProject(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role_names: tuple[str, ...]
    domain: DomainName | None = None


class MappedProperties(msgspec.Struct, frozen=True, kw_only=True):
    """What an assertion has turned into. Groups by name without a domain are in the provider's."""

    user: MappedUser
    group_ids: tuple[str, ...] = ()
    groups: tuple[tuple[str, DomainName | None], ...] = ()
    projects: tuple[MappedProject, ...] = ()


class BadRule(Exception):
    """A rule that can never be meant. The text says where it stands and why."""


class NoMatch(Exception):
    """The assertion does not turn into anybody. The text says why, for the log."""


# -- checking rules ----------------------------------------------------------------------------------------


def check_rules(rules: Sequence[Rule], *, version: str) -> None:
    """Raises BadRule for what could never work, or not in this version."""
    if not rules:
        raise BadRule("rules: at least one is needed.")
    for at, rule in enumerate(rules):
        where = f"rules[{at}]"
        if not rule.remote:
            raise BadRule(f"{where}.remote: at least one is needed.")
        for which, remote in enumerate(rule.remote):
            _check_remote(remote, f"{where}.remote[{which}]")
        known = sum(not remote.judges for remote in rule.remote)
        for which, local in enumerate(rule.local):
            _check_local(local, f"{where}.local[{which}]", version=version)
            _check_places(msgspec.to_builtins(local), f"{where}.local[{which}]", known)


def _check_remote(remote: Remote, where: str) -> None:
    given = (remote.any_one_of, remote.not_any_of, remote.whitelist, remote.blacklist)
    if sum(texts is not None for texts in given) > 1:
        raise BadRule(f"{where}: only one of any_one_of, not_any_of, whitelist and blacklist may be given.")
    if remote.regex and remote.texts is None:
        raise BadRule(f"{where}: regex means nothing alone.")
    for text in (remote.texts or ()) if remote.regex else ():
        try:
            re.compile(text)
        except re.error as error:
            raise BadRule(f"{where}: {text[:60]!r} is not a regular expression: {error}.") from error


def _check_local(local: Local, where: str, *, version: str) -> None:
    group = local.group
    if group is not None:
        if group.id is None and group.name is None:
            raise BadRule(f"{where}.group: an id, or a name and a domain, is needed.")
        if group.id is not None and (group.name is not None or group.domain is not None):
            raise BadRule(f"{where}.group: an id stands alone.")
        if group.name is not None and group.domain is None and version == "1.0":
            raise BadRule(f"{where}.group: a name needs a domain.")
    if local.groups is not None and local.domain is None and version == "1.0":
        raise BadRule(f"{where}.groups: a domain is needed beside it.")
    if version == "1.0" and any(project.domain is not None for project in local.projects):
        raise BadRule(f"{where}.projects: a domain needs schema version 2.0.")


def _check_places(value: Any, where: str, known: int) -> None:
    if isinstance(value, str):
        for found in _PLACE.finditer(value):
            if found[0] in "{}":
                raise BadRule(f"{where}: a single brace in {value[:60]!r}; two of them stand for one.")
            if found[1] is not None and int(found[1]) >= known:
                raise BadRule(
                    f"{where}: {found[0]} stands for nothing; the rule hands on {known} attributes."
                )
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _check_places(inner, f"{where}.{name}", known)
    elif isinstance(value, Sequence):
        for at, inner in enumerate(value):
            _check_places(inner, f"{where}[{at}]", known)


# -- applying them -----------------------------------------------------------------------------------------


def mapped(rules: Sequence[Rule], assertion: Assertion, *, version: str = "1.0") -> MappedProperties:
    """Who an assertion is about, and what they are given. Raises NoMatch."""
    user: MappedUser | None = None
    group_ids: dict[str, None] = {}
    groups: dict[tuple[str, DomainName | None], None] = {}
    projects: dict[MappedProject, None] = {}
    applied = False
    for rule in rules:
        handed_on = _handed_on(rule.remote, assertion)
        if handed_on is None:
            continue
        applied = True
        for local in rule.local:
            beside = _filled_domain(local.domain, handed_on)
            default = beside if version != "1.0" else None
            if local.user is not None and user is None:
                user = _user(local.user, handed_on, default)
            group_ids |= dict.fromkeys(_filled_all(local.group_ids, handed_on))
            groups |= dict.fromkeys((name, beside) for name in _filled_all(local.groups, handed_on))
            if local.group is not None:
                group_ids |= dict.fromkeys(_filled_all(local.group.id, handed_on))
                domain = _filled_domain(local.group.domain, handed_on) or default
                groups |= dict.fromkeys((name, domain) for name in _filled_all(local.group.name, handed_on))
            projects |= dict.fromkeys(_project(each, handed_on, default) for each in local.projects)
    if not applied:
        raise NoMatch("no rule applies")
    if user is None:
        raise NoMatch("no rule that applies names a user")
    return MappedProperties(
        user=user, group_ids=tuple(group_ids), groups=tuple(groups), projects=tuple(projects)
    )


def _handed_on(remotes: Sequence[Remote], assertion: Assertion) -> list[Sequence[str]] | None:
    """The values that placeholders stand for, if all of `remotes` hold."""
    found: list[Sequence[str]] = []
    for remote in remotes:
        values = [value for value in assertion.get(remote.type, ()) if value]
        if not values:
            return None
        matching = _matching(remote, values)
        if remote.any_one_of is not None and not matching:
            return None
        if remote.not_any_of is not None and matching:
            return None
        if remote.whitelist is not None:
            values = matching
        if remote.blacklist is not None:
            values = [value for value in values if value not in matching]
        if not remote.judges:
            found.append(values)
    return found


def _matching(remote: Remote, values: Sequence[str]) -> list[str]:
    texts = remote.texts or ()
    if remote.regex:
        return [value for value in values if any(re.search(text, value) for text in texts)]
    return [value for value in values if value in texts]


def _user(user: LocalUser, handed_on: Sequence[Sequence[str]], default: DomainName | None) -> MappedUser:
    name, user_id = _filled(user.name, handed_on), _filled(user.id, handed_on)
    known_by = user_id or name
    if not known_by:
        raise NoMatch("the user has neither a name nor an id")
    return MappedUser(
        unique_id=known_by,
        name=name or known_by,
        local=user.type == "local",
        id=user_id,
        email=_filled(user.email, handed_on),
        domain=_filled_domain(user.domain, handed_on) or default,
    )


def _project(
    project: LocalProject, handed_on: Sequence[Sequence[str]], default: DomainName | None
) -> MappedProject:
    name = _filled(project.name, handed_on)
    if not name:
        raise NoMatch("a project has no name")
    roles = tuple(role for each in project.roles for role in _filled_all(each.name, handed_on))
    return MappedProject(
        name=name, role_names=roles, domain=_filled_domain(project.domain, handed_on) or default
    )


def _filled_domain(domain: DomainName | None, handed_on: Sequence[Sequence[str]]) -> DomainName | None:
    if domain is None:
        return None
    return DomainName(id=_filled(domain.id, handed_on), name=_filled(domain.name, handed_on))


def _filled(text: str | None, handed_on: Sequence[Sequence[str]]) -> str | None:
    """A text whose placeholders stand for one value each; None without a text, or where a value is missing."""
    texts = list(itertools.islice(_filled_all(text, handed_on), 2))
    if len(texts) > 1:
        raise NoMatch(f"{text!r} would stand for several")
    return texts[0] if texts else None


def _filled_all(text: str | None, handed_on: Sequence[Sequence[str]]) -> Iterator[str]:
    """Every text that comes of putting in the values of each placeholder."""
    if text is None:
        return
    used = sorted({int(found[1]) for found in _PLACE.finditer(text) if found[1] is not None})
    if any(at >= len(handed_on) for at in used):
        raise NoMatch(f"{text!r} has a placeholder that stands for nothing")
    combinations = itertools.product(*(handed_on[at] for at in used))
    for values in itertools.islice(combinations, _MOST_NAMES):
        yield _put_in(text, dict(zip(used, values, strict=True)))


def _put_in(text: str, values: Mapping[int, str]) -> str:
    return _PLACE.sub(lambda found: found[0][0] if found[1] is None else values[int(found[1])], text)
