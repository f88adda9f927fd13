"""A study's configuration: typed sections, loading and checking."""
