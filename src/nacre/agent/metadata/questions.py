"""Answers guests that ask for names which their network does not know.

OVN answers for the names of a network before a question comes here. What comes is told that nothing is known, at once,
so that no guest waits: for whoever wants both kinds of addresses of a guest that has one, too. OVN reads only questions
without extensions, and whoever sends some is told to ask without. Source: RFC 1035, section 4.1; RFC 6891, section 7.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct("!6H")
ANSWER, RECURSION_WANTED, RECURSION = 0x8000, 0x0100, 0x0080
OPERATION = 0x7800
MALFORMED = 1
MOST_BYTES = 512


def answer_to(question: bytes) -> bytes | None:
    """What is sent back; nothing to what is no question."""
    if len(question) < HEADER.size:
        return None
    number, flags, questions, *_, extensions = HEADER.unpack_from(question)
    end = _end_of_question(question)
    if flags & (ANSWER | OPERATION) or questions != 1 or end is None:
        return None
    said = ANSWER | RECURSION | flags & RECURSION_WANTED | (MALFORMED if extensions else 0)
    return HEADER.pack(number, said, 1, 0, 0, 0) + question[HEADER.size : end]


def _end_of_question(message: bytes) -> int | None:
    """Where the first question ends: after its name, its kind and its class. None if it is cut off, or points."""
    place = HEADER.size
    while place < len(message) and (length := message[place]):
        if length >= 64:
            return None
        place += length + 1
    end = place + 5
    return end if end <= len(message) else None
