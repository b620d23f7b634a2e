"""Single sign-on: who proves users elsewhere, what they become here, and the doors by which they come in."""
