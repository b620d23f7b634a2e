"""What images are and what may be done with them: values and decisions, no I/O."""
