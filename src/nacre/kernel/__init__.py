"""The part that knows no cloud noun: clock, ids, configuration, database, HTTP, loops, events, logs.

Everything else in Nacre stands on this package, and this package stands on nothing of Nacre's.
"""
