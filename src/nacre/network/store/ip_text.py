"""Addresses as text within statements, where they are searched by parts of how they are written."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class ip_text(GenericFunction[str]):
    """An address that is kept as its bytes, as it is written. SQLite is given the function by `kernel/database.py`."""

    type = sa.Text()
    inherit_cache = True


@compiles(ip_text, "postgresql")
def _on_postgresql(element: ip_text, compiler: Any, **options: Any) -> str:
    packed = compiler.process(element.clauses, **options)
    ipv4 = " || '.' || ".join(f"get_byte({packed}, {place})" for place in range(4))
    ipv6 = rf"host(regexp_replace(encode({packed}, 'hex'), '(....)(?!$)', '\1:', 'g')::inet)"
    return f"CASE length({packed}) WHEN 4 THEN {ipv4} ELSE {ipv6} END"
