"""Amounts, who has room for them, and which combinations of providers satisfy a request: no I/O."""
