"""Compute v2.1 over HTTP. `routes.py` is the map."""
