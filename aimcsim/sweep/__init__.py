"""From a configuration to hyperparameter points and to shards of work."""
