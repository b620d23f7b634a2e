"""How soon guests read about themselves: `python -m benchmarks.metadata [--guests N] [--networks N] [--at-once N ...]`.

The agent's own metadata server, which has heard of so many guests on so many networks. Its sockets are on loopback,
where every guest has an address of its own; what the switch adds is not in it. Each guest reads what cloud-init reads,
over a connection for each document, and so many guests do so at once, from another process. Needs no root.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import resource
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.__main__ import cpu_s, pss_mib
from benchmarks.ports import percentile
from nacre.agent.drivers.fake import FakeWorld, fake_drivers
from nacre.agent.keeper import Keeper
from nacre.agent.metadata.namespaces import BACKLOG
from nacre.agent.metadata.server import MetadataServer
from nacre.compute.domain.guests import Address, GuestSpec, HostWishes, InstanceData
from nacre.kernel.clock import SystemClock
from nacre.kernel.ids import NetworkId, PortId, ServerId, new_id
from tests.agent.control_plane import HOST_ID, new_nic, new_spec

PATHS = (
    "openstack",
    *(f"openstack/latest/{name}" for name in ("meta_data.json", "network_data.json", "user_data")),
)
AGAIN_S = 1.0
"""Whoever is turned away without an answer asks again, as cloud-init does."""

USER_DATA = base64.b64encode(b"#!/bin/sh\n" + b"echo hello\n" * 90).decode()
Caller = tuple[str, int]


def address_of(number: int) -> str:
    """A guest's address; all of 127/8 is this machine's own."""
    return f"127.{1 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def guest(number: int, network_id: NetworkId) -> GuestSpec:
    """A guest with a key, a script and one interface."""
    nic = new_nic(
        port_id=PortId(new_id()),
        network_id=network_id,
        addresses=(Address(ip=address_of(number), prefix_length=8),),
        mac="fa:16:3e:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(3, "big")),
    )
    instance = InstanceData(
        hostname=f"guest{number}",
        name=f"guest{number}",
        availability_zone="nova",
        public_keys={"mine": "ssh-ed25519 " + "A" * 68},
        metadata={"role": "worker"},
        user_data_base64=USER_DATA,
    )
    return new_spec(ServerId(new_id()), nics=(nic,), instance=instance)


# -- the guests, in a process of their own -----------------------------------------------------------------


async def _read(caller: Caller, path: str) -> tuple[float, int]:
    """Seconds until a document is there, and how often it was asked for in vain."""
    address, port = caller
    began, turned_away = time.perf_counter(), 0
    while True:
        said = b""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n".encode())
            said = await reader.read(-1)
            writer.close()
        except ConnectionError:
            pass
        if said:
            assert said.startswith(b"HTTP/1.1 200 "), said
            return time.perf_counter() - began, turned_away
        turned_away += 1
        await asyncio.sleep(AGAIN_S)


async def _ask(callers: Sequence[Caller], at_once: int) -> dict[str, Any]:
    waiting, found = iter(callers), list[tuple[float, int]]()

    async def one_after_the_other() -> None:
        for caller in waiting:
            found.extend([await _read(caller, path) for path in PATHS])

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    wall_s = time.perf_counter() - began
    seconds = [each for each, _ in found]
    return {
        "requests_s": len(found) / wall_s,
        "median_ms": percentile(seconds, 0.5) * 1e3,
        "p99_ms": percentile(seconds, 0.99) * 1e3,
        "turned_away": sum(times for _, times in found),
    }


def asked_by(callers: Sequence[Caller], at_once: int) -> dict[str, Any]:
    return asyncio.run(_ask(callers, at_once))


# -- the host ----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", type=int, default=2000)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 50, 500])
    parser.add_argument("--json", type=Path, help="also write the results here")
    asked = parser.parse_args()
    many = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (many, many))
    with multiprocessing.get_context("spawn").Pool(1) as guests:
        results = [measured(guests, asked.guests, asked.networks, at_once) for at_once in asked.at_once]
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


def measured(guests: Any, count: int, networks: int, at_once: int) -> dict[str, Any]:
    """What it takes that each guest reads its documents."""
    keeper = Keeper(HOST_ID, fake_drivers(FakeWorld(SystemClock())), SystemClock())
    network_ids = [NetworkId(new_id()) for _ in range(networks)]
    specs = tuple(guest(number, network_ids[number % networks]) for number in range(count))
    began = time.perf_counter()
    keeper.hear(HostWishes(host_id=HOST_ID, generation=1, complete=True, guests=specs))
    heard_ms = (time.perf_counter() - began) * 1e3
    server = MetadataServer(keeper.spec_at)
    try:
        ports = []
        for network_id in network_ids:
            listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            ports.append(listener.getsockname()[1])
            server.serve(network_id, listener)
        callers = [(address_of(number), ports[number % networks]) for number in range(count)]
        used_s, had_mib = cpu_s(os.getpid()), pss_mib(os.getpid())
        result = guests.apply(asked_by, (callers, at_once))
        requests = count * len(PATHS)
        result |= {
            "guests": count,
            "networks": networks,
            "at_once": at_once,
            "heard_ms": heard_ms,
            "cpu_us": (cpu_s(os.getpid()) - used_s) / requests * 1e6,
            "more_mib": pss_mib(os.getpid()) - had_mib,
        }
    finally:
        server.close()
    print(
        f"{count} guests on {networks} networks, {at_once} at once: {result['requests_s']:.0f} documents a second,"
        f" median {result['median_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms, {result['turned_away']} turned away;"
        f" {result['cpu_us']:.0f} us of processor each, {result['more_mib']:.1f} MiB more",
        flush=True,
    )
    return result


if __name__ == "__main__":
    main()
