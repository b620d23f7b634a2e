"""How soon a port is realised on a host that has many: `python -m benchmarks.ports [--ports N] [--times N]`.

A real OVN, on a host with a userspace switch in a namespace. Needs root and the engines.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nacre.network.domain.ports import FixedIp, Port
from nacre.network.domain.security_groups import Direction, SecurityGroup
from nacre.network.domain.subnets import Subnet
from tests.support.ovn_cloud import Cloud, a_cloud_on
from tests.support.ovn_lab import CHASSIS, OvnLab, eventually

NETWORKS = 20
AT_ONCE = 50
WITHIN_S = 300.0


class Crowd:
    """A host that has ports on several networks, all in one group whose members may reach each other."""

    def __init__(self, lab: OvnLab, cloud: Cloud) -> None:
        self._lab = lab
        self._cloud = cloud
        self._group = cloud.group({"direction": Direction.INGRESS, "protocol": "tcp", "port_range_min": 22})
        self._subnets = [
            cloud.subnet(
                cloud.network(name=f"n{number}"), cidr=f"10.{number}.0.0/16", gateway_ip=f"10.{number}.0.1"
            )
            for number in range(NETWORKS)
        ]
        self._made = 0

    def ports(self, count: int) -> list[Port]:
        """Ports as rows, plugged nowhere yet."""
        return [self._port(self._subnets[self._made % NETWORKS], self._group) for _ in range(count)]

    def _port(self, subnet: Subnet, group: SecurityGroup) -> Port:
        self._made += 1
        prefix = subnet.cidr.rsplit(".", 2)[0]
        address = f"{prefix}.{self._made // 200}.{self._made % 200 + 10}"
        also = self._addresses_besides(subnet)
        return self._cloud.port(subnet, address, group, fixed_ips=(FixedIp(subnet.id, address), *also))

    def _addresses_besides(self, subnet: Subnet) -> Sequence[FixedIp]:
        return ()

    def plug(self, ports: Sequence[Port]) -> None:
        """Onto the switch, in one step: what `ovs-vsctl` returns for is done there, but for OVN's part."""
        words: list[str] = []
        for port in ports:
            tap = tap_of(port)
            words += [*(["--"] if words else []), "add-port", "br-int", tap]
            words += ["--", "set", "interface", tap, "type=internal", f"external_ids:iface-id={port.id}"]
        self._lab.vsctl(*words)

    def wait(self, ports: Sequence[Port]) -> None:
        """Until OVN says that the flows of all are there."""
        for port in ports:
            eventually(lambda port=port: self._cloud.driver.is_up(port.id), port.id, within_s=WITHIN_S)


def tap_of(port: Port) -> str:
    """The interface of a port on its host."""
    return f"p{port.id[:12]}"


def measured(crowd: Crowd, times: int) -> Iterator[float]:
    """Seconds from the rows of one port more until it is realised; plugging it meanwhile is part of it."""
    for _ in range(times):
        began = time.perf_counter()
        ports = crowd.ports(1)
        crowd.plug(ports)
        crowd.wait(ports)
        yield time.perf_counter() - began


def percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", type=int, default=1000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also write the results here")
    asked = parser.parse_args()
    results = []
    with OvnLab() as lab, a_cloud_on(lab, gateway_hosts=(CHASSIS,)) as cloud:
        crowd = Crowd(lab, cloud)
        for there in (0, asked.ports):
            began = time.perf_counter()
            while crowd._made < there:
                ports = crowd.ports(min(AT_ONCE, there - crowd._made))
                crowd.plug(ports)
                crowd.wait(ports)
            if there:
                print(f"# {there} ports there after {time.perf_counter() - began:.1f} s", flush=True)
            seconds = list(measured(crowd, asked.times))
            result = {"ports": there, "times": asked.times, "median_ms": percentile(seconds, 0.5) * 1e3,
                      "p99_ms": percentile(seconds, 0.99) * 1e3}  # fmt: skip
            print(f"one port more on a host with {there}: median {result['median_ms']:.0f} ms,"
                  f" p99 {result['p99_ms']:.0f} ms", flush=True)  # fmt: skip
            results.append(result)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
