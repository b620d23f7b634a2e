"""The one catalogue of tables. Each service adds its own; the migrations are compared with it."""

from __future__ import annotations

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
        self._decoder = msgspec.json.Decoder(shape)

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self._decoder.decode(value)
