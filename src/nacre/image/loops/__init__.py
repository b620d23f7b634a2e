"""Loops that end uploads whose writer died, and remove content that no image refers to."""
