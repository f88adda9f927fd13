"""Names of the parts of the MVM error; :mod:`aimcsim.evaluation.error_budget` defines them."""

ALONE = ("read_noise", "converters", "columns", "wires")
"""Effects of a unit core, whatever was programmed."""

SEEN = ("columns", "wires")
"""Of these, what programming meets as it meets the conductances, and can make up for."""

AGEING = ("drift", "slow_read_noise")
"""Effects of a unit core that grow over time."""

OF_STATE = ("programming", "stuck", "seen", "together")
"""Parts of a programmed state."""
