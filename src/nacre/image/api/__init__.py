"""The Image API v2: routes, handlers, and the shapes of answers."""
