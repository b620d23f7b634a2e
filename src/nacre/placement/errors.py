"""What can go wrong with placement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import Conflict, Invalid, NotFound, Stale


@dataclass(eq=False)
class ProviderNotFound(NotFound):
    """There is no such resource provider."""

    code: ClassVar[str] = "placement.undefined_code"
    provider_id: str

    def __str__(self) -> str:
        return f"No resource provider with uuid {self.provider_id[:100]} found"


@dataclass(eq=False)
class NameNotFound(NotFound):
    """There is no such resource class, trait, inventory or allocation; `what` is a noun."""

    code: ClassVar[str] = "placement.undefined_code"
    what: str
    name: str

    def __str__(self) -> str:
        return f"No such {self.what}: {self.name[:255]}"


@dataclass(eq=False)
class ConcurrentUpdate(Stale):
    """The provider or consumer is not in the generation that the caller has seen."""

    code: ClassVar[str] = "placement.concurrent_update"
    what: str

    def __str__(self) -> str:
        return f"{self.what} has changed since it was read: read it again and decide again."


@dataclass(eq=False)
class DuplicateName(Conflict):
    """Another provider has this name or id, or another class this name."""

    code: ClassVar[str] = "placement.duplicate_name"
    what: str

    def __str__(self) -> str:
        return f"Conflicting {self.what} already exists."


@dataclass(eq=False)
class ProviderInUse(Conflict):
    """Consumers hold allocations of the provider."""

    code: ClassVar[str] = "placement.resource_provider.inuse"
    provider_id: str

    def __str__(self) -> str:
        return f"Unable to delete resource provider {self.provider_id}: Resource provider has allocations."


@dataclass(eq=False)
class ProviderHasChildren(Conflict):
    """Other providers are below this one."""

    code: ClassVar[str] = "placement.resource_provider.cannot_delete_parent"
    provider_id: str

    def __str__(self) -> str:
        return (
            f"Unable to delete parent resource provider {self.provider_id}: It has child resource providers."
        )


@dataclass(eq=False)
class InventoryInUse(Conflict):
    """Consumers hold allocations of a class whose inventory would go."""

    code: ClassVar[str] = "placement.inventory.inuse"
    resource_classes: tuple[str, ...]

    def __str__(self) -> str:
        return f"Inventory for {', '.join(self.resource_classes)} in use."


@dataclass(eq=False)
class NameInUse(Conflict):
    """A class or trait is still used by providers."""

    code: ClassVar[str] = "placement.undefined_code"
    what: str
    name: str

    def __str__(self) -> str:
        return f"The {self.what} {self.name} is in use by a resource provider."


@dataclass(eq=False)
class NoRoom(Conflict):
    """The provider cannot give what is claimed."""

    code: ClassVar[str] = "placement.undefined_code"
    provider_id: str
    why: str

    def __str__(self) -> str:
        return f"Unable to allocate inventory of resource provider {self.provider_id}: {self.why}."


@dataclass(eq=False)
class BadName(Invalid):
    """The name is not one that may be chosen, or not one there is."""

    code: ClassVar[str] = "placement.undefined_code"
    what: str
    name: str

    def __str__(self) -> str:
        return f"No such {self.what}, or not one that may be used here: {self.name[:255]}"
