"""Who may import whom, as the house style draws it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
SERVICES = {"identity", "image", "network", "placement", "compute", "volume"}
PURE = {"domain"}


def modules() -> Iterator[tuple[tuple[str, ...], Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield parts, path


def imports(path: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every nacre module that `path` imports, also within functions; `from x import y` counts as x.y."""
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield (*origin, alias.name)


def pairs() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    for parts, path in modules():
        for target in imports(path, parts):
            if target[0] == "nacre":
                yield parts[1:], target[1:]


def room_of(module: tuple[str, ...]) -> str:
    return module[1] if len(module) > 1 else ""


def broken(rule) -> list[str]:
    return sorted(
        {f"nacre.{'.'.join(a)} imports nacre.{'.'.join(b)}" for a, b in pairs() if a and b and rule(a, b)}
    )


def test_the_graph_is_read_at_all():
    assert len(list(pairs())) > 100


def test_the_kernel_imports_nothing_but_the_kernel():
    assert broken(lambda a, b: a[0] == "kernel" and b[0] not in ("kernel", "__version__")) == []


def test_a_service_sees_nothing_of_a_neighbour_but_its_contract():
    assert (
        broken(
            lambda a, b: a[0] in SERVICES and b[0] in SERVICES and a[0] != b[0] and room_of(b) != "contract"
        )
        == []
    )


def test_domain_is_pure_and_sees_only_kernel_values_domain_and_contracts():
    allowed_kernel = {"ids", "errors", "clock"}

    def rule(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
        if room_of(a) not in PURE or a[0] not in SERVICES:
            return False
        if b[0] == "kernel":
            return room_of(b) not in allowed_kernel
        return room_of(b) not in {"domain", "contract", "errors"}

    assert broken(rule) == []


def test_drivers_see_domain_and_never_store_api_or_loops():
    forbidden = {"store", "api", "loops"}
    assert broken(lambda a, b: "drivers" in a and b[0] in SERVICES and room_of(b) in forbidden) == []


def test_store_sees_neither_api_nor_loops_nor_drivers():
    forbidden = {"api", "loops", "drivers"}
    assert broken(lambda a, b: room_of(a) == "store" and b[0] == a[0] and room_of(b) in forbidden) == []


def test_api_sees_no_drivers_and_no_loops():
    assert (
        broken(
            lambda a, b: (
                room_of(a) == "api"
                and a[0] in SERVICES
                and b[0] == a[0]
                and room_of(b) in {"drivers", "loops"}
            )
        )
        == []
    )


def test_the_agent_never_sees_a_store():
    assert broken(lambda a, b: a[0] == "agent" and "store" in b) == []
    assert broken(lambda a, b: a[0] == "agent" and b[:2] == ("kernel", "database")) == []


def test_only_the_composition_root_knows_everybody():
    everybody = {"app", "migrations", "bench", "cli"}
    knows: dict[str, set[str]] = {}
    for a, b in pairs():
        if (
            a
            and b
            and b[0] in SERVICES
            and a[0] not in everybody
            and a[0] != b[0]
            and room_of(b) != "contract"
        ):
            knows.setdefault(".".join(a), set()).add(b[0])
    assert {name: who for name, who in knows.items() if len(who) > 1} == {}
