"""The law against I/O inside a transaction, held in every test by Python's audit events.

A lock held while a network or a program is awaited is a lock held for ever, when that hangs.
"""

from __future__ import annotations

import sys
from typing import Any

from nacre.kernel.database import in_transaction

FORBIDDEN = frozenset(
    {"socket.connect", "socket.sendto", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
     "open", "os.remove", "os.rename", "os.mkdir", "shutil.rmtree", "time.sleep"}
)  # fmt: skip


class BrokenLaw(AssertionError):
    """Something reached for the outside while it held a transaction open."""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in FORBIDDEN and in_transaction() and not _is_an_import(event, arguments):
        raise BrokenLaw(f"{event} {arguments[:1]!r} inside a write transaction")


def _is_an_import(event: str, arguments: tuple[Any, ...]) -> bool:
    """Reading Python's own modules, or their source for a traceback, is not the outside."""
    return event == "open" and str(arguments[0]).endswith((".py", ".pyc", ".so"))


def hold() -> None:
    """Watch from now on; an audit hook stays for as long as the process lives."""
    sys.addaudithook(_watch)
