"""The one catalogue of tables. Each service adds its own; the migrations are compared with it."""

from __future__ import annotations

import functools
import typing
from typing import Any

import msgspec
import sqlalchemy as sa

METADATA = sa.MetaData()


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value kept as text, written and read by msgspec; the same on both databases.

    `shape` is what is read back, such as `dict[str, str]` or a struct.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, shape: Any = Any) -> None:
        super().__init__()
        self.shape = shape
        decode = msgspec.json.Decoder(shape).decode
        # Servers share their flavors and images, and most have no tags: what cannot change is made once for each text.
        self._decode = functools.lru_cache(maxsize=1024)(decode) if _is_immutable(shape) else decode

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self._decode(value)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """What reads a value, without the layers that SQLAlchemy would put around it: lists read thousands."""
        return functools.partial(self.process_result_value, dialect=dialect)


def _is_immutable(shape: Any) -> bool:
    return typing.get_origin(shape) is tuple or (
        isinstance(shape, type) and issubclass(shape, msgspec.Struct)
    )
