"""Where networks become real: a driver is told what each owner should have and makes it so."""
