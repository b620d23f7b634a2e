"""What a service says of the things it counts: their names, their defaults, and the rows they are summed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, eq=False)
class Measure:
    """One resource.

    `default` bounds a project where the site has registered nothing else. What is in use is the sum of `amount`,
    or the number of rows where that is None, over the rows whose `project` it is and for which `only` holds.
    Measures with the same `project` and `only` are summed together. A limit is given in pieces of `unit` of the
    amount. Without a `project` nothing is summed: the limit bounds each thing by itself, such as
    the metadata of one server.
    """

    default: int
    project: sa.Column[Any] | None = None
    amount: sa.ColumnElement[int] | None = None
    only: sa.ColumnElement[bool] | None = None
    unit: int = 1


def _unknown(_resource: str) -> Measure | None:
    return None


@dataclass(frozen=True, eq=False)
class Account:
    """All that one service counts. `service` is its type in the catalogue.

    `further` measures resources whose names a site makes up, such as its own resource classes.
    """

    service: str
    measures: Mapping[str, Measure]
    further: Callable[[str], Measure | None] = field(default=_unknown)

    def measure(self, resource: str) -> Measure | None:
        """How a resource is counted; None where this service does not know how."""
        return self.measures.get(resource) or self.further(resource)

    @property
    def defaults(self) -> dict[str, int]:
        """What each of the service's own resources is limited to unless the site says otherwise."""
        return {resource: measure.default for resource, measure in self.measures.items()}
