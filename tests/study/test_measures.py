"""What the statistics know of a summary."""

from aimcsim.programming.settings import Gdp
from aimcsim.study.measures import HYPERPARAMETERS, LABELS, UNITS


def test_every_hyperparameter_can_be_named():
    """`iterations` is stored as `iterations_budget`: the plain name is a dimension's."""
    known = {name.removesuffix("_budget") for name in HYPERPARAMETERS}
    assert known == set(Gdp.model_fields)
    assert set(LABELS) == set(UNITS) == set(HYPERPARAMETERS)
