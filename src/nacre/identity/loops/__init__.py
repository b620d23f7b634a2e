"""Keeps what identity mirrors from elsewhere as it is there."""
