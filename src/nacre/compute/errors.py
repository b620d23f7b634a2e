"""What compute refuses, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotImplementedHere,
    OverQuota,
    Unavailable,
)


@dataclass(eq=False)
class ServerNotFound(NotFound):
    """No such server, or it is another project's."""

    code: ClassVar[str] = "compute.server_not_found"
    server_id: str

    def __str__(self) -> str:
        return f"Instance {self.server_id[:80]} could not be found."


@dataclass(eq=False)
class FlavorNotFound(NotFound):
    """No such flavor, or the project has no access to it."""

    code: ClassVar[str] = "compute.flavor_not_found"
    flavor_id: str

    def __str__(self) -> str:
        return f"Flavor {self.flavor_id[:80]} could not be found."


@dataclass(eq=False)
class FlavorExists(Conflict):
    """The id or the name of a new flavor is taken."""

    code: ClassVar[str] = "compute.flavor_exists"
    which: str

    def __str__(self) -> str:
        return f"Flavor with {self.which} already exists."


@dataclass(eq=False)
class AccessExists(Conflict):
    """The project has access to the flavor already."""

    code: ClassVar[str] = "compute.flavor_access_exists"
    flavor_id: str
    project_id: str

    def __str__(self) -> str:
        return f"Flavor access already exists for flavor {self.flavor_id} and project {self.project_id} combination."


@dataclass(eq=False)
class AccessNotFound(NotFound):
    """The project has no access to the flavor of its own."""

    code: ClassVar[str] = "compute.flavor_access_not_found"
    flavor_id: str
    project_id: str

    def __str__(self) -> str:
        return f"Flavor access not found for {self.flavor_id} / {self.project_id} combination."


@dataclass(eq=False)
class NoAccessList(NotFound):
    """Everybody may use a public flavor; nobody keeps a list."""

    code: ClassVar[str] = "compute.no_access_list"

    def __str__(self) -> str:
        return "Access list not available for public flavors."


@dataclass(eq=False)
class FlavorIsPublic(Conflict):
    """Everybody may use the flavor; there is nothing to grant."""

    code: ClassVar[str] = "compute.flavor_is_public"

    def __str__(self) -> str:
        return "Can not add access to a public flavor."


@dataclass(eq=False)
class ExtraSpecNotFound(NotFound):
    """The flavor has no such extra spec."""

    code: ClassVar[str] = "compute.extra_spec_not_found"
    flavor_id: str
    key: str

    def __str__(self) -> str:
        return f"Flavor {self.flavor_id} has no extra specs with key {self.key[:255]}."


@dataclass(eq=False)
class KeypairNotFound(NotFound):
    """The user has no such key pair."""

    code: ClassVar[str] = "compute.keypair_not_found"
    name: str
    user_id: str

    def __str__(self) -> str:
        return f"Keypair {self.name[:255]} not found for user {self.user_id}"


@dataclass(eq=False)
class KeypairExists(Conflict):
    """The user has a key pair of that name."""

    code: ClassVar[str] = "compute.keypair_exists"
    name: str

    def __str__(self) -> str:
        return f"Key pair '{self.name}' already exists."


@dataclass(eq=False)
class BadPublicKey(Invalid):
    """The text is no public key of its kind."""

    code: ClassVar[str] = "compute.bad_public_key"
    reason: str

    def __str__(self) -> str:
        return f"Keypair data is invalid: failed to generate fingerprint ({self.reason})"


@dataclass(eq=False)
class MetadataKeyNotFound(NotFound):
    """The server has no metadata of that key."""

    code: ClassVar[str] = "compute.metadata_key_not_found"
    key: str

    def __str__(self) -> str:
        return f"Metadata item was not found: {self.key[:255]}"


@dataclass(eq=False)
class TagNotFound(NotFound):
    """The server does not bear the tag."""

    code: ClassVar[str] = "compute.tag_not_found"
    server_id: str
    tag: str

    def __str__(self) -> str:
        return f"Server {self.server_id} has no tag '{self.tag[:60]}'"


@dataclass(eq=False)
class ActionNotFound(NotFound):
    """Nothing was asked of the server by that request."""

    code: ClassVar[str] = "compute.action_not_found"
    server_id: str
    request_id: str

    def __str__(self) -> str:
        return f"Action for request_id {self.request_id[:80]} on instance {self.server_id} not found"


@dataclass(eq=False)
class NotInThisState(Conflict):
    """The server's state does not allow what was asked."""

    code: ClassVar[str] = "compute.not_in_this_state"
    server_id: str
    action: str
    attribute: str
    state: str

    def __str__(self) -> str:
        return (
            f"Cannot '{self.action}' instance {self.server_id} while it is in {self.attribute} {self.state}"
        )


@dataclass(eq=False)
class ServerLocked(Conflict):
    """The server was locked against changes."""

    code: ClassVar[str] = "compute.server_locked"
    server_id: str

    def __str__(self) -> str:
        return f"Instance {self.server_id} is locked"


@dataclass(eq=False)
class NotYetPlaced(Conflict):
    """The server has no host that could be asked."""

    code: ClassVar[str] = "compute.not_yet_placed"
    server_id: str

    def __str__(self) -> str:
        return f"Instance {self.server_id} is not ready"


@dataclass(eq=False)
class HostSilent(Unavailable):
    """The host of the server did not answer in time."""

    code: ClassVar[str] = "compute.host_silent"
    host_id: str

    def __str__(self) -> str:
        return f"Host {self.host_id} does not answer at the moment."


@dataclass(eq=False)
class TooManyQuestions(Unavailable):
    """More callers wait to hear from hosts than this process keeps in mind."""

    code: ClassVar[str] = "compute.too_many_questions"

    def __str__(self) -> str:
        return "Too many callers wait to hear from hosts; try again."


@dataclass(eq=False)
class NoValidHost(Conflict):
    """Every host was considered and none can take the server."""

    code: ClassVar[str] = "compute.no_valid_host"
    rejections: Mapping[str, str]

    def __str__(self) -> str:
        if not self.rejections:
            return "No valid host was found. There is no host."
        reasons = "; ".join(f"{host}: {why}" for host, why in sorted(self.rejections.items())[:20])
        return f"No valid host was found. {reasons}."


@dataclass(eq=False)
class TooManyServers(OverQuota):
    """A limit of the project, or of one above it, does not allow the servers.

    One entry for each resource that is short.
    """

    code: ClassVar[str] = "compute.too_many_servers"
    resources: tuple[str, ...]
    asked: tuple[int, ...]
    used: tuple[int, ...]
    allowed: tuple[int, ...]
    project_ids: tuple[str, ...]

    def __str__(self) -> str:
        def listed(values: tuple[int, ...] | tuple[str, ...]) -> str:
            return ", ".join(map(str, values))

        return (
            f"Quota exceeded for {listed(self.resources)}: Requested {listed(self.asked)},"
            f" but already used {listed(self.used)} of {listed(self.allowed)} {listed(self.resources)}"
            f" (by the limit of project {listed(self.project_ids)})"
        )


@dataclass(eq=False)
class QuotaReached(OverQuota):
    """One more would be too many."""

    code: ClassVar[str] = "compute.quota_reached"
    resource: str
    project_id: str
    limit: int
    used: int
    asked: int

    def __str__(self) -> str:
        return (
            f"Quota exceeded, too many {self.resource}. The limit of project {self.project_id} is {self.limit},"
            f" {self.used} are in use, and {self.asked} asked for."
        )


@dataclass(eq=False)
class HypervisorNotFound(NotFound):
    """No such hypervisor."""

    code: ClassVar[str] = "compute.hypervisor_not_found"
    hypervisor_id: str

    def __str__(self) -> str:
        return f"Hypervisor with ID '{self.hypervisor_id[:80]}' could not be found."


@dataclass(eq=False)
class HostNotFound(NotFound):
    """No such host."""

    code: ClassVar[str] = "compute.host_not_found"
    host: str

    def __str__(self) -> str:
        return f"Compute host {self.host[:80]} could not be found."


@dataclass(eq=False)
class ServiceNotFound(NotFound):
    """No such service."""

    code: ClassVar[str] = "compute.service_not_found"
    service_id: str

    def __str__(self) -> str:
        return f"Service {self.service_id[:80]} could not be found."


@dataclass(eq=False)
class InterfaceNotFound(NotFound):
    """The server has no such interface."""

    code: ClassVar[str] = "compute.interface_not_found"
    port_id: str

    def __str__(self) -> str:
        return f"Interface {self.port_id[:80]} could not be found."


@dataclass(eq=False)
class NoSuchAction(NotFound):
    """The version spoken does not know the action any more."""

    code: ClassVar[str] = "compute.no_such_action"
    action: str

    def __str__(self) -> str:
        return f"This version of the API has no action '{self.action}'."


@dataclass(eq=False)
class NoNetworkAtHand(Invalid):
    """The project has no network that an interface could be on."""

    code: ClassVar[str] = "compute.no_network"
    project_id: str

    def __str__(self) -> str:
        return f"No specific network was requested and none are available for project '{self.project_id}'."


@dataclass(eq=False)
class InterfaceRefused(Conflict):
    """The host of the server cannot give it the interface."""

    code: ClassVar[str] = "compute.interface_refused"
    server_id: str
    why: str

    def __str__(self) -> str:
        return f"Failed to attach an interface to {self.server_id}: {self.why}"


@dataclass(eq=False)
class NetworkLabelNotFound(NotFound):
    """The server has no address on a network of that name."""

    code: ClassVar[str] = "compute.network_label_not_found"
    label: str

    def __str__(self) -> str:
        return f"Network label {self.label[:80]} is not found"


@dataclass(eq=False)
class ServerGroupNotFound(NotFound):
    """No such server group, or it is another project's."""

    code: ClassVar[str] = "compute.server_group_not_found"
    group_id: str

    def __str__(self) -> str:
        return f"Instance group {self.group_id[:80]} could not be found."


@dataclass(eq=False)
class AggregateNotFound(NotFound):
    """No such aggregate."""

    code: ClassVar[str] = "compute.aggregate_not_found"
    aggregate_id: str

    def __str__(self) -> str:
        return f"Aggregate {self.aggregate_id[:80]} could not be found."


@dataclass(eq=False)
class AggregateConflict(Conflict):
    """The aggregate cannot be changed so."""

    code: ClassVar[str] = "compute.aggregate_conflict"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class ProjectUnknown(Invalid):
    """The project named is unknown to identity."""

    code: ClassVar[str] = "compute.project_unknown"
    project_id: str

    def __str__(self) -> str:
        return f"Project ID {self.project_id[:80]} is not a valid project."


@dataclass(eq=False)
class LeftOut(NotImplementedHere):
    """A part of the Compute API that Nacre leaves out, or has not yet."""

    code: ClassVar[str] = "compute.left_out"
    what: str

    def __str__(self) -> str:
        return f"'{self.what}' is not available in this cloud."


@dataclass(eq=False)
class ZoneIsForAdmins(Forbidden):
    """Only administrators choose a host."""

    code: ClassVar[str] = "compute.host_choice"

    def __str__(self) -> str:
        return "Policy doesn't allow compute:servers:create:forced_host to be performed."


@dataclass(eq=False)
class NotForThisAgent(Forbidden):
    """The agent's token is absent or wrong."""

    code: ClassVar[str] = "compute.agent_token"

    def __str__(self) -> str:
        return "This door is for agents that know the host's secret."
