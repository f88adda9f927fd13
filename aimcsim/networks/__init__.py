"""Networks of any wiring whose products run on programmed cores, and all else digitally."""
