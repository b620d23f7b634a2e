"""Nacre: a private cloud in one program, speaking the OpenStack APIs. Start at ARCHITECTURE.md."""

__version__ = "0.1.0"
