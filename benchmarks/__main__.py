"""Run the benchmarks against a cloud of 20 fake hosts: `python -m benchmarks [--json FILE] [--quick]`."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.client import BenchError, Client

NACRE = [sys.executable, "-m", "nacre.cli.main"]
COMPUTE, NETWORK = "/compute/v2.1", "/networking/v2.0"


@dataclass
class Result:
    """One measured case; times in milliseconds."""

    case: str
    value: float
    unit: str
    budget: str = ""
    note: str = ""


@dataclass
class Bench:
    """A cloud under measurement, and what was found."""

    state: Path
    listen: str
    quick: bool
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        passwords = json.loads((self.state / "bootstrap.json").read_text())
        self.client = Client(self.listen).log_in("admin", passwords["admin_password"])
        self.run_id = os.urandom(3).hex()
        self.network_id = ""
        self._lift_quotas()

    def _lift_quotas(self) -> None:
        """What is measured is the cloud, not how soon a small project is full."""
        client = self.client
        unlimited = dict.fromkeys(("instances", "cores", "ram"), -1)
        client.put(f"{COMPUTE}/os-quota-sets/{client.project_id}", {"quota_set": unlimited})
        client.put(f"{NETWORK}/quotas/{client.project_id}", {"quota": {"port": -1}})

    def times(self, full: int) -> int:
        return max(3, full // 10) if self.quick else full

    def record(self, case: str, value: float, unit: str, *, budget: str = "", note: str = "") -> None:
        self.results.append(Result(case, value, unit, budget, note))
        print(f"{case:44} {value:10.2f} {unit:8} {budget:14} {note}", flush=True)

    def serial(self, case: str, work: Callable[[int], Any], times: int, *, budget: str = "") -> list[Any]:
        """Median of `work`, one call after the other, and the SQL statements a request of it sends."""
        work(-1)
        before, seconds, made = self.statements(), [], []
        for number in range(times):
            began = time.perf_counter()
            made.append(work(number))
            seconds.append(time.perf_counter() - began)
        sent = {name: self.statements()[name] - count for name, count in before.items()}
        note = f"p99 {sorted(seconds)[int(len(seconds) * 0.99)] * 1e3:.2f} ms, {sum(sent.values()) / times:.1f} SQL"
        self.record(case, statistics.median(seconds) * 1e3, "ms", budget=budget, note=note)
        return made

    def statements(self) -> dict[str, float]:
        """SQL statements sent by requests so far."""
        text = self.client.request("GET", "/metrics")[2].decode()
        found = re.findall(r"^nacre_http_request_statements_total\{.*?\} (\S+)", text, re.MULTILINE)
        return {"all": sum(map(float, found))}

    # -- cases ---------------------------------------------------------------------------------------------

    def tokens(self) -> None:
        client = self.client
        body = {"auth": {"identity": {"methods": ["token"], "token": {"id": client.token}}}}
        self.serial(
            "token from token",
            lambda _i: client.request("POST", "/identity/v3/auth/tokens", body),
            self.times(300),
            budget="0.6 ms",
        )
        subject = {"X-Subject-Token": client.token}
        self.serial(
            "token check",
            lambda _i: client.request("GET", "/identity/v3/auth/tokens", None, subject),
            self.times(500),
            budget="0.5 ms",
        )

    def networks(self) -> None:
        client, run = self.client, self.run_id
        made = self.serial(
            "network create",
            lambda i: client.post(f"{NETWORK}/networks", {"network": {"name": f"{run}-{i}"}})["network"][
                "id"
            ],
            self.times(50),
            budget="5 ms",
        )
        self.network_id = made[0]
        self.serial(
            "subnet create",
            lambda i: client.post(
                f"{NETWORK}/subnets",
                {
                    "subnet": {
                        "network_id": made[i],
                        "ip_version": 4,
                        "cidr": f"10.{100 + i // 250}.{i % 250}.0/24",
                    }
                },
            ),
            self.times(50) - 1,
            budget="4 ms",
        )
        wide = client.post(f"{NETWORK}/networks", {"network": {"name": f"{run}-wide"}})["network"]["id"]
        client.post(
            f"{NETWORK}/subnets",
            {"subnet": {"network_id": wide, "ip_version": 4, "cidr": "10.96.0.0/16", "enable_dhcp": False}},
        )
        self.network_id = wide
        self.serial(
            "port create",
            lambda i: client.post(f"{NETWORK}/ports", {"port": {"network_id": wide, "name": f"{run}-{i}"}}),
            self.times(50),
            budget="5 ms",
        )
        self.serial(
            "50 ports in one request",
            lambda i: client.post(
                f"{NETWORK}/ports",
                {"ports": [{"network_id": wide, "name": f"{run}-{i}-{n}"} for n in range(50)]},
            ),
            self.times(20),
            budget="60 ms",
        )
        self.serial(
            "list 1,000 ports",
            lambda _i: client.get(f"{NETWORK}/ports?limit=1000"),
            self.times(20),
            budget="25 ms",
        )
        group = client.post(f"{NETWORK}/security-groups", {"security_group": {"name": run}})[
            "security_group"
        ]["id"]
        self.serial(
            "security group rule create",
            lambda i: client.post(
                f"{NETWORK}/security-group-rules",
                {
                    "security_group_rule": {
                        "security_group_id": group,
                        "direction": "ingress",
                        "ethertype": "IPv4",
                        "protocol": "tcp",
                        "port_range_min": i + 10,
                        "port_range_max": i + 10,
                    }
                },
            ),
            self.times(50),
            budget="4 ms",
        )

    def servers(self) -> None:
        client = self.client
        flavor = client.post(
            f"{COMPUTE}/flavors", {"flavor": {"name": f"{self.run_id}", "ram": 64, "vcpus": 1, "disk": 1}}
        )["flavor"]["id"]
        image = client.post(
            "/image/v2/images", {"name": self.run_id, "disk_format": "raw", "container_format": "bare"}
        )["id"]
        status, _, answer = client.request(
            "PUT",
            f"/image/v2/images/{image}/file",
            b"\0" * (1 << 20),
            {"Content-Type": "application/octet-stream"},
        )
        if status != 204:
            raise BenchError(f"upload: {status} {answer}")
        body = {"server": {"flavorRef": flavor, "imageRef": image, "networks": [{"uuid": self.network_id}]}}

        def create(through: Client, number: int) -> str:
            ask = {"server": body["server"] | {"name": f"{self.run_id}-{number}"}}
            return str(through.post(f"{COMPUTE}/servers", ask)["server"]["id"])

        def until_active(number: int) -> str:
            server = create(client, number)
            client.wait(f"{COMPUTE}/servers/{server}", "server", "ACTIVE")
            return server

        self.serial("server create, accepted", lambda i: create(client, i), self.times(30), budget="10 ms")
        made = self.serial("server create until ACTIVE", until_active, self.times(30), budget="40 ms")
        self.serial(
            "server show",
            lambda i: client.get(f"{COMPUTE}/servers/{made[i % len(made)]}"),
            self.times(300),
            budget="1.5 ms",
        )
        self.burst(create, self.times(100))
        wanted = self.times(1000)
        self.fill(create, wanted)
        self.serial(
            f"list {wanted} servers", lambda _i: client.get(f"{COMPUTE}/servers?limit=1000"), self.times(20)
        )
        self.serial(
            f"list {wanted} servers with details",
            lambda _i: client.get(f"{COMPUTE}/servers/detail?limit=1000"),
            self.times(20),
            budget="40 ms",
        )
        self.serial(
            f"server show among {wanted}",
            lambda i: client.get(f"{COMPUTE}/servers/{made[i % len(made)]}"),
            self.times(300),
            budget="1.5 ms",
        )
        self.delete_all()

    def burst(self, create: Callable[[Client, int], str], count: int) -> None:
        """Creates with eight connections; how many a second become ACTIVE."""
        began = time.perf_counter()
        made = self.in_parallel(lambda through, i: create(through, 1000 + i), count)
        accepted = time.perf_counter() - began
        self.await_none(f"{COMPUTE}/servers?status=BUILD&limit=1000")
        self.record(
            f"{count} servers at once, ACTIVE",
            len(made) / (time.perf_counter() - began),
            "a second",
            budget="100",
            note=f"accepted {len(made) / accepted:.0f} a second",
        )

    def fill(self, create: Callable[[Client, int], str], wanted: int) -> None:
        have = len(self.client.get(f"{COMPUTE}/servers?limit=1000")["servers"])
        began = time.perf_counter()
        self.in_parallel(lambda through, i: create(through, 2000 + i), wanted - have)
        self.await_none(f"{COMPUTE}/servers?status=BUILD&limit=1000")
        self.record(
            f"servers up to {wanted}, ACTIVE",
            (wanted - have) / (time.perf_counter() - began),
            "a second",
            budget="50",
        )

    def delete_all(self) -> None:
        ids = [server["id"] for server in self.client.get(f"{COMPUTE}/servers?limit=1000")["servers"]]
        began = time.perf_counter()
        self.in_parallel(lambda through, i: through.delete(f"{COMPUTE}/servers/{ids[i]}"), len(ids))
        self.await_none(f"{COMPUTE}/servers?limit=1000")
        self.record(
            f"{len(ids)} deletes at once, gone",
            len(ids) / (time.perf_counter() - began),
            "a second",
            budget="200",
        )

    def in_parallel(self, work: Callable[[Client, int], Any], count: int) -> list[Any]:
        local = threading.local()

        def one(number: int) -> Any:
            if not hasattr(local, "client"):
                local.client = Client(self.listen, token=self.client.token)
            return work(local.client, number)

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, range(count)))

    def await_none(self, path: str, *, within_s: float = 300) -> None:
        end = time.monotonic() + within_s
        while self.client.get(path)["servers"]:
            if time.monotonic() > end:
                raise BenchError(f"{path} is not empty after {within_s} s")
            time.sleep(0.05)

    def at_rest(self, pids: list[int]) -> None:
        """Memory and processor time of the cloud's own processes when nothing is asked."""
        seconds = 5 if self.quick else 20
        time.sleep(3)
        before = sum(map(cpu_s, pids))
        time.sleep(seconds)
        self.record(
            "processor at rest", (sum(map(cpu_s, pids)) - before) / seconds * 100, "% of one", budget="1 %"
        )
        self.record(
            "memory at rest", sum(map(pss_mib, pids)), "MiB", budget="150 MiB", note=f"{len(pids)} processes"
        )


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """A process's proportional share of memory."""
    found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def fake_cloud(hosts: int) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """A cloud of its own, removed afterwards. Gives its state directory, its address and its environment."""
    state = Path(tempfile.mkdtemp(prefix="nacre-bench-", dir="/tmp"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = os.environ | {"NACRE_STATE": str(state), "NACRE_LISTEN": listen, "HOME": str(state)}
    try:
        began = time.perf_counter()
        subprocess.run(
            [*NACRE, "up", "--hosts", f"fake:{hosts}"], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        print(f"# cloud of {hosts} fake hosts up in {time.perf_counter() - began:.1f} s")
        yield state, listen, environment
    finally:
        subprocess.run([*NACRE, "purge"], env=environment, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(state, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    chosen = parser.parse_args()
    with fake_cloud(20) as (state, listen, _environment):
        bench = Bench(state, listen, chosen.quick)
        print(f"{'case':44} {'value':>10} {'unit':8} {'budget':14} note")
        parts = json.loads((state / "run" / "parts.json").read_text())
        bench.at_rest(pids_of(parts))
        bench.tokens()
        bench.networks()
        bench.servers()
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(result) for result in bench.results], indent=1) + "\n")


def pids_of(ledger: Any) -> list[int]:
    """Every pid the supervisor's ledger names, its own included."""
    found: list[int] = []
    if isinstance(ledger, dict):
        for name, value in ledger.items():
            found += [value] if name == "pid" and isinstance(value, int) and value else pids_of(value)
    elif isinstance(ledger, list):
        for value in ledger:
            found += pids_of(value)
    return found


if __name__ == "__main__":
    main()
