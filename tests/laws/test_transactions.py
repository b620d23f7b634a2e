from __future__ import annotations

import socket
import subprocess

import pytest

from nacre.kernel.events import Actor
from tests.support.law_of_io import BrokenLaw


def test_reaching_for_the_network_inside_a_transaction_is_caught(database):
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(BrokenLaw), database.write(Actor("test")):
            client.connect(listener.getsockname())


def test_running_a_program_inside_a_transaction_is_caught(database):
    with pytest.raises(BrokenLaw), database.write(Actor("test")):
        subprocess.run(["true"], check=True)


def test_writing_a_file_inside_a_transaction_is_caught(database, tmp_path):
    with pytest.raises(BrokenLaw), database.write(Actor("test")):
        (tmp_path / "file").write_text("held")


def test_outside_of_one_everything_is_allowed(tmp_path):
    subprocess.run(["true"], check=True)
    (tmp_path / "file").write_text("free")
