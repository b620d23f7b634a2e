"""The `nacre` command: what an operator types on the machine itself. Users of the cloud use OpenStack's clients."""
