"""How good a programmed core is."""
