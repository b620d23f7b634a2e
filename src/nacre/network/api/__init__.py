"""Networking v2.0 over HTTP.

`attributes.py` and `kinds.py` say what each noun shows and takes, as data; `noun.py` makes of that the five usual
operations; one module per noun adds what is its own. `routes.py` is the map.
"""
