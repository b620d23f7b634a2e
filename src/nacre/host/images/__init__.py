"""The guest image of the first server, built on this machine from Debian packages: nothing else is downloaded."""
