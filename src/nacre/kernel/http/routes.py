"""Routes: one flat table per service, and the tree of path segments it is looked up in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final
from urllib.parse import unquote

from nacre.kernel.errors import MethodNotAllowed, NotFound
from nacre.kernel.http.body import Body
from nacre.kernel.http.versions import Version, Window
from nacre.kernel.policy import Policy


@dataclass(frozen=True)
class Route:
    """One operation. `path` is below the service's own; `{name}` segments become keyword arguments.

    A handler is `def handler(call, [ask,] **path)` and runs in a worker thread, or `async def`, which runs
    on the event loop and must not block. `ask` is given when there is a `body`. `window` limits the
    operation to versions. `reads_stream` leaves the body to the handler, unread and of any size. With
    `asks_itself` the handler runs also for callers whom the policy allows nothing: it finds the thing first and asks
    then, because whether there is one is no secret.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    policy: Policy
    body: Body[Any] | None = None
    window: Window | None = None
    reads_stream: bool = False
    max_body_bytes: int | None = None
    asks_itself: bool = False


@dataclass(eq=False)
class NoSuchPath(NotFound):
    """Nothing answers at this path."""

    code: ClassVar[str] = "nacre.no_such_path"
    path: str

    def __str__(self) -> str:
        return f"The resource could not be found: {self.path}"


@dataclass(eq=False)
class NoSuchMethod(MethodNotAllowed):
    """The path answers to other methods."""

    code: ClassVar[str] = "nacre.no_such_method"
    method: str
    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return f"Method {self.method} is not allowed here; {', '.join(self.allowed)} would be."


@dataclass
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    name: str = ""
    methods: dict[str, list[Route]] = field(default_factory=dict)


@final
class RouteTree:
    """The compiled table. Literal segments win over `{name}` ones; the first route whose window fits is taken."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.path):
            if segment.startswith("{"):
                node.any = node.any or _Node(name=segment[1:-1])
                node = node.any
            else:
                node = node.literal.setdefault(segment, _Node())
        node.methods.setdefault(route.method, []).append(route)

    def find(self, method: str, path: str, version: Version) -> tuple[Route, Mapping[str, str]]:
        """The route for a request and the values in its path. Raises NoSuchPath, NoSuchMethod.

        HEAD is answered by GET unless it has a route of its own.
        """
        found = self._walk(self._root, _segments(path), 0, ())
        # Nothing is ever named with a NUL, and PostgreSQL cannot even be asked.
        if found is None or any("\0" in value for value in found[1]):
            raise NoSuchPath(path)
        node, values = found
        routes = node.methods.get(method) or (node.methods.get("GET") if method == "HEAD" else None)
        if not routes:
            raise NoSuchMethod(method, tuple(sorted(node.methods)))
        for route in routes:
            if route.window is None or version in route.window:
                names = [segment[1:-1] for segment in _segments(route.path) if segment.startswith("{")]
                return route, dict(zip(names, values, strict=True))
        raise NoSuchPath(path)

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: tuple[str, ...]
    ) -> tuple[_Node, tuple[str, ...]] | None:
        if at == len(segments):
            return (node, values) if node.methods else None
        segment = segments[at]
        child = node.literal.get(segment)
        if child is not None:
            found = self._walk(child, segments, at + 1, values)
            if found is not None:
                return found
        if node.any is not None:
            return self._walk(node.any, segments, at + 1, (*values, unquote(segment)))
        return None


def _segments(path: str) -> list[str]:
    stripped = path.strip("/")
    return stripped.split("/") if stripped else []
