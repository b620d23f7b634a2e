"""What the agent decides: values and pure functions, no I/O, no clock."""
