"""What networks, ports, routers and security groups are, and what OVN should hold for each."""
