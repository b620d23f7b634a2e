"""The rows of providers, their inventories, and what consumers have claimed of them."""
