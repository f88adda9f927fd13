"""What the intervals of a study are over: chips, or chips and draws of the weights.

Every statistic takes chips for independent. They are, given one matrix: intervals are then of that
matrix, and say nothing of another draw of it. And they are where every chip holds a draw of its
own: intervals then cover devices and draws together. In between, chips with the same draw would
vary together and intervals over chips come out too narrow; such a study is refused
(:func:`aimcsim.config.checks.draws_for_every_chip`). It would save nothing either: a chip is
programmed whichever draw it holds.
"""

from aimcsim.config.models import Config


def sample(config: Config) -> str:
    """What intervals are over, in a sentence or two for a reader of the report."""
    redrawn = [name for name, one in config.weights.items() if one.independent_draws > 1]
    fixed = [name for name in config.weights if name not in redrawn]
    own = "every chip holds a draw of the matrix of its own, so intervals are over chips and draws"
    if not redrawn:
        these = "this matrix" if len(fixed) == 1 else "these matrices"
        return (
            f"Intervals are over chips and of {these}: all chips hold the same weights, and other "
            "draws of them would give other values."
        )
    if not fixed:
        return f"{own[0].upper()}{own[1:]} together."
    return (
        f"Of {', '.join(redrawn)} {own} together. Of {', '.join(fixed)} all chips hold the same "
        "weights: intervals are over chips and of these weights."
    )
