"""Which roles come of which assignments: through groups, down the tree, and by implication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from nacre.identity.domain.roles import RoleGraph


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A role somebody holds on something, and where from.

    `group_id` is the group it is held through; `prior_role_id` the role it is implied by;
    `from_kind` and `from_id` name the project or domain it is handed down from.
    """

    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    role_id: str
    inherited: bool = False
    group_id: str = ""
    prior_role_id: str = ""
    from_kind: str = ""
    from_id: str = ""


def effective(
    given: Iterable[Held],
    *,
    members: Mapping[str, Sequence[str]],
    projects_below: Mapping[str, Sequence[str]],
    graph: RoleGraph,
) -> Iterator[Held]:
    """What users really hold: no groups any more, nothing inherited, every implied role by itself.

    `members` has the users of each group, `projects_below` the projects below each target that roles are
    inherited from. Roles of domains show only what they imply, as in tokens.
    """
    for assignment in given:
        for held in _placed(assignment, projects_below):
            for personal in _personal(held, members):
                yield from _implied(personal, graph)


def _placed(held: Held, projects_below: Mapping[str, Sequence[str]]) -> Iterator[Held]:
    if not held.inherited:
        yield held
        return
    for project_id in projects_below.get(held.target_id, ()):
        yield msgspec.structs.replace(
            held,
            target_kind="project",
            target_id=project_id,
            inherited=False,
            from_kind=held.target_kind,
            from_id=held.target_id,
        )


def _personal(held: Held, members: Mapping[str, Sequence[str]]) -> Iterator[Held]:
    if held.actor_kind == "user":
        yield held
        return
    for user_id in members.get(held.actor_id, ()):
        yield msgspec.structs.replace(held, actor_kind="user", actor_id=user_id, group_id=held.actor_id)


def _implied(held: Held, graph: RoleGraph) -> Iterator[Held]:
    for role in graph.effective([held.role_id]):
        if role.role_id == held.role_id:
            yield held
        else:
            yield msgspec.structs.replace(held, role_id=role.role_id, prior_role_id=held.role_id)
