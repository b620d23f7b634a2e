"""The OpenAPI description of a service, made from its route table: what a reviewer reads to see the API change.

It tells paths, methods, policies, versions and request bodies. What answers hold is described by the public API
references; ours are checked against those.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import yaml

from nacre import __version__
from nacre.kernel.http.app import Service
from nacre.kernel.http.body import Body
from nacre.kernel.http.routes import Route
from nacre.kernel.http.versions import FIRST, LAST, Window

OPENAPI = "3.1.0"
_REFERENCE = "#/components/schemas/{name}"


def description_of(service: Service) -> str:
    """The service as an OpenAPI document in YAML. The same table always gives the same text."""
    bodies = {route.body.shape: route.body for route in service.routes if route.body is not None}
    shapes = sorted(bodies, key=lambda shape: (shape.__module__, shape.__qualname__))
    references, components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    schemas = dict(zip(shapes, references, strict=True))
    document: dict[str, Any] = {
        "openapi": OPENAPI,
        "info": {"title": f"Nacre {service.name}", "version": __version__},
        "servers": [{"url": service.prefix}],
        "paths": _paths(service.routes, schemas),
    }
    if components:
        document["components"] = {"schemas": components}
    return yaml.safe_dump(_plain(document), sort_keys=True, width=110, allow_unicode=True)


def _paths(routes: Iterable[Route], schemas: Mapping[type, Any]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operations = paths.setdefault(route.path, {})
        # A method may mean different things in different versions; the later ones get a name of their own.
        name = route.method.lower()
        while name in operations:
            name = f"x-also-{name}"
        operations[name] = _operation(route, schemas)
    return paths


def _operation(route: Route, schemas: Mapping[type, Any]) -> dict[str, Any]:
    handler = route.handler
    said = inspect.getdoc(handler) or ""
    operation: dict[str, Any] = {
        "summary": said.split("\n\n")[0].replace("\n", " "),
        "x-policy": route.policy.name,
        "responses": {"default": {"description": "As the public reference of this API says."}},
    }
    if names := re.findall(r"\{([^}]*)\}", route.path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if route.window is not None:
        operation["x-versions"] = _told(route.window)
    if route.body is not None:
        operation["requestBody"] = {
            "content": {"application/json": {"schema": _body(route.body, schemas[route.body.shape])}}
        }
    elif route.reads_stream:
        operation["requestBody"] = {"content": {"application/octet-stream": {}}}
    return operation


def _body(body: Body[Any], shape: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = dict(shape)
    if body.key:
        schema = {"type": "object", "required": [body.key], "properties": {body.key: schema}}
    if body.windows:
        schema["x-versions"] = {name: _told(window) for name, window in body.windows.items()}
    return schema


def _told(window: Window) -> str:
    """`2.3-2.36`, `2.37-` or `-2.36`."""
    first = "" if window.first == FIRST else str(window.first)
    last = "" if window.last == LAST else str(window.last)
    return f"{first}-{last}"


def _plain(value: Any) -> Any:
    """The same, of types that YAML knows."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=str, order="deterministic")
