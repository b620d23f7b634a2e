"""What the service owes to its loops, and how it is made due."""

from __future__ import annotations

UPLOADS = "image.uploads"
"""The loop that looks after uploads; its keys are their ids."""
CONTENTS = "image.contents"
"""The loop that looks after contents; its keys are their SHA-256."""
LOOK_AGAIN_S = 2.0
"""How often somebody looks whether the writer of an upload still lives: it is how long a dead one is not missed."""
