"""An agent that is told to end does so, whichever of its threads the kernel chooses to tell."""

from __future__ import annotations

import subprocess
import sys

import pytest

TOLD_IN_ANOTHER_THREAD = """
import signal, sys, threading, time
from nacre.agent.main import told_to_end

def tell():
    time.sleep(0.2)  # The main thread waits by then; nothing fails if it does not.
    signal.pthread_kill(threading.get_ident(), signal.Signals[sys.argv[1]])
    threading.Event().wait()

with told_to_end() as wait_until_told:
    threading.Thread(target=tell, daemon=True).start()
    wait_until_told()
print("ends")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_another_thread_is_handed_ends_the_agent(name):
    done = subprocess.run(
        [sys.executable, "-c", TOLD_IN_ANOTHER_THREAD, name],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "ends\n"), done.stderr
