"""Statistics of a finished study: intervals, weight-agnosticism, claims. Nothing here plots."""
