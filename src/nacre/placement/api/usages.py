"""What is claimed: of one provider, and by one project."""

from __future__ import annotations

from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.versions import Version
from nacre.placement.api.access import Parts, dated, load_provider
from nacre.placement.store import allocations, providers

BY_CONSUMER_TYPE = Version(1, 38)


def of_provider(call: Call[Parts], provider_id: str) -> Answer:
    """What is claimed of a provider, of each class it has. Errors: ProviderNotFound."""
    with call.database.read() as db:
        provider = load_provider(db, provider_id)
        inventories = providers.inventories_of(db, provider.provider_id)
        used = providers.used_of(db, provider.provider_id)
    usages = dict.fromkeys(inventories, 0) | used
    body = {"resource_provider_generation": provider.generation, "usages": usages}
    return dated(call, body, at=provider.updated_at)


def of_project(call: Call[Parts]) -> Answer:
    """What a project has claimed. Errors: Bad, NotAllowed."""
    project_id = call.one("project_id")
    if not project_id:
        raise Bad("'project_id' is a required parameter.")
    wanted_type = call.one("consumer_type") if call.version >= BY_CONSUMER_TYPE else None
    call.route.policy.enforce(call.caller, {"project_id": project_id})
    with call.database.read() as db:
        amounts, counts = allocations.totals(db, project_id=project_id, user_id=call.one("user_id"))
    if call.version < BY_CONSUMER_TYPE:
        return dated(call, {"usages": _summed(amounts)})
    if wanted_type == "all":
        whole = {**_summed(amounts), "consumer_count": sum(counts.values())}
        return dated(call, {"usages": {"all": whole} if counts else {}})
    usages = {
        kind: {**held, "consumer_count": counts.get(kind, 0)}
        for kind, held in amounts.items()
        if wanted_type in (None, kind)
    }
    return dated(call, {"usages": usages})


def _summed(amounts: dict[str, dict[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for held in amounts.values():
        for name, used in held.items():
            whole[name] = whole.get(name, 0) + used
    return whole
