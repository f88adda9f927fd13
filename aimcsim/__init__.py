"""aimcsim: how to program weights into analog in-memory computing chips."""

__version__ = "0.1.0"
