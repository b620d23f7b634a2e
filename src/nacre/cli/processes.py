"""Commands that are one process of the cloud, in the foreground. `nacre up` starts them; so may a person."""

from __future__ import annotations

import argparse
import os

from nacre.kernel.config import load_settings


def serve(_ask: argparse.Namespace) -> int:
    from nacre.app import serve as serve_cloud

    serve_cloud(load_settings(os.environ))
    return 0


def agent(_ask: argparse.Namespace) -> int:
    from nacre.agent.main import run

    return run(load_settings(os.environ))


def supervise(_ask: argparse.Namespace) -> int:
    from nacre.host import choices, watch

    watch.supervise(choices.load(os.environ))
    return 0
