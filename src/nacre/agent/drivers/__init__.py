"""What the agent does to its host: guests, the switch, images, and the networks' metadata."""
