"""What compute decides, as values and pure functions: no I/O, no clock, no SQL."""
