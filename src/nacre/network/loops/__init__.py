"""Brings the switches to what the rows say, one object at a time."""
