"""Identity over HTTP: one flat table of routes, and one module per noun."""
