"""The rows of images, their properties, tags and members."""
