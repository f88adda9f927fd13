"""Memory devices: parameters of each device drawn once, and the law of a pulse."""
