"""Programming strategies. They know a core only through its ports."""
