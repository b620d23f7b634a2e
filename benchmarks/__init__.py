"""What Nacre costs, measured. `make bench` runs it; docs/performance.md keeps the figures."""
