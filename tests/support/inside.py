"""Acting within a network namespace from this process."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

CLONE_NEWNET = 0x40000000  # linux/sched.h


def inside(namespace: str, action: Callable[[], Any]) -> Any:
    """What `action` gives, or raises, when a thread does it that is in the namespace, as is all that it starts."""
    given: list[Any] = []
    failed: list[BaseException] = []

    def enter() -> None:
        handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            assert ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) == 0
            given.append(action())
        except BaseException as problem:  # noqa: BLE001 - Raised again in the thread that asked.
            failed.append(problem)
        finally:
            os.close(handle)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return given[0]
