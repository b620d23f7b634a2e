"""Extensions: what old clients ask for to learn what is there. Versions have told it since 2013."""

from __future__ import annotations

from typing import Any

from nacre.compute.api.common import Parts
from nacre.compute.errors import LeftOut
from nacre.kernel.errors import NotFound
from nacre.kernel.http.call import Answer, Call, Ok

_NAMES = {
    "NMN": "Multinic",
    "OS-DCF": "DiskConfig",
    "OS-EXT-AZ": "ExtendedAvailabilityZone",
    "OS-EXT-IPS": "ExtendedIps",
    "OS-EXT-IPS-MAC": "ExtendedIpsMac",
    "OS-EXT-SRV-ATTR": "ExtendedServerAttributes",
    "OS-EXT-STS": "ExtendedStatus",
    "OS-FLV-DISABLED": "FlavorDisabled",
    "OS-FLV-EXT-DATA": "FlavorExtraData",
    "OS-SCH-HNT": "SchedulerHints",
    "OS-SRV-USG": "ServerUsage",
    "os-admin-actions": "AdminActions",
    "os-aggregates": "Aggregates",
    "os-attach-interfaces": "AttachInterfaces",
    "os-availability-zone": "AvailabilityZone",
    "os-config-drive": "ConfigDrive",
    "os-console-output": "ConsoleOutput",
    "os-extended-hypervisors": "ExtendedHypervisors",
    "os-extended-quotas": "ExtendedQuotas",
    "os-extended-services": "ExtendedServices",
    "os-extended-volumes": "ExtendedVolumes",
    "os-flavor-access": "FlavorAccess",
    "os-flavor-extra-specs": "FlavorExtraSpecs",
    "os-flavor-manage": "FlavorManage",
    "os-flavor-rxtx": "FlavorRxtx",
    "os-flavor-swap": "FlavorSwap",
    "os-hide-server-addresses": "HideServerAddresses",
    "os-hosts": "Hosts",
    "os-hypervisor-status": "HypervisorStatus",
    "os-hypervisors": "Hypervisors",
    "os-instance-actions": "InstanceActions",
    "os-keypairs": "Keypairs",
    "os-multiple-create": "MultipleCreate",
    "os-quota-class-sets": "QuotaClasses",
    "os-quota-sets": "Quotas",
    "os-server-group-quotas": "ServerGroupQuotas",
    "os-server-groups": "ServerGroups",
    "os-server-list-multi-status": "ServerListMultiStatus",
    "os-server-sort-keys": "ServerSortKeys",
    "os-server-start-stop": "ServerStartStop",
    "os-services": "Services",
    "os-used-limits": "UsedLimits",
    "os-user-data": "UserData",
}


class ExtensionNotFound(NotFound):
    """No such extension."""

    code = "compute.extension_not_found"

    def __str__(self) -> str:
        return "No extension of that name is loaded."


def listed(call: Call[Parts]) -> Answer:
    """What of the old extensions this cloud has."""
    return Ok({"extensions": [_view(alias) for alias in _NAMES]})


def show(call: Call[Parts], alias: str) -> Answer:
    """One extension. Raises ExtensionNotFound."""
    if alias not in _NAMES:
        raise ExtensionNotFound
    return Ok({"extension": _view(alias)})


def _view(alias: str) -> dict[str, Any]:
    name = _NAMES[alias]
    return {
        "name": name,
        "alias": alias,
        "description": f"{name} support.",
        "links": [],
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
    }


def left_out(what: str) -> Any:
    """A handler that says that `what` is not served."""

    def handler(call: Call[Parts], **_path: str) -> Answer:
        """Part of the API that this cloud leaves out. Raises LeftOut."""
        raise LeftOut(what)

    return handler
