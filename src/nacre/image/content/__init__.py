"""The bytes of images: on their way in, at rest, and on their way out."""
