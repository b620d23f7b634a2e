"""What compute does by itself."""
