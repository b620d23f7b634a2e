"""The Placement API: routes, handlers, and the shapes of answers."""
