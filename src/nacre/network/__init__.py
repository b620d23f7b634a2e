"""Networks, as Networking v2.0: networks, subnets, ports, routers, floating IPs and security groups, on OVN.

What is promised: a row says what is wanted and a loop makes it so. A change of one object costs the same however
many there are. A guest's port is up only when its rules are in force. Nothing in OVN is ours that no object of ours
accounts for, and `nacre audit` names every difference.
"""

from nacre.network.assemble import assemble

__all__ = ["assemble"]
