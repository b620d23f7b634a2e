"""Values and decisions of identity: no I/O, no clock, no SQL."""
