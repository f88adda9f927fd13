"""Random matrices of a stated distribution, and the identity."""

import hashlib
import math
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
import xarray as xr
from numpy.random import Generator, Philox
from pydantic import Field
from threadpoolctl import threadpool_limits

from aimcsim.common.section import key
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.weights.registry import WEIGHTS, DigitalScale, WeightSet

Distribution = Literal[
    "gaussian", "uniform", "laplace", "ternary", "sparse", "low_rank", "heavy_tails", "identity"
]
# Largest extents for which every random draw still has a 32-bit address of its own.
Extent = Annotated[int, Field(ge=1, le=65536)]

_ZEROS = {"uniform": 0.3, "ternary": 1 / 3, "sparse": 0.9}
_VALUES, _MASK = 0, 1


@WEIGHTS.register(*get_args(Distribution))
class SyntheticWeights(WeightSet):
    """Random matrices of a stated distribution."""

    kind: Distribution = key(..., "Distribution of the entries.")
    rows: Extent = key(256, "Rows (inputs) of the matrix.", unit="cells")
    columns: Extent = key(256, "Columns (outputs) of the matrix.", unit="cells")
    zeros: float | None = key(
        None,
        "Share of exact zeros; null: 0.3 for uniform, 1/3 for ternary, 0.9 for sparse, 0 "
        "for the others.",
        unit="1",
        ge=0,
        lt=1,
    )
    rank: int = key(16, "Rank of the matrix, where the kind is low_rank.", unit="1", ge=1, le=65536)
    freedom: float = key(
        3.0,
        "Degrees of freedom of Student's t, where the kind is heavy_tails: fewer, heavier tails.",
        unit="1",
        gt=2,
        le=1000,
    )

    draws: int = key(
        1,
        "Independent draws of the matrix, one for each chip. 1: all chips program one matrix, and "
        "intervals are of this matrix. As many as cores or more: they are over chips and draws; "
        "chips added up to that number leave those programmed as they are.",
        unit="matrices",
        ge=1,
        le=100_000,
    )
    scale: DigitalScale = "tile"

    remedy: ClassVar[str] = "Make the matrix larger, or its share of zeros smaller."

    def build(self, name: str, seed: int) -> xr.Dataset:
        """One matrix, called as the weight set, in as many draws as asked for."""
        drawn = [draw(self, seed, name, number) for number in range(self.draws)]
        matrix = drawn[0] if self.draws == 1 else np.stack(drawn)
        return xr.Dataset(matrix_variables([(name, matrix)]), attrs={"scale": self.scale})

    @property
    def independent_draws(self) -> int:
        return self.draws


def draw(definition: SyntheticWeights, seed: int, name: str, number: int = 0) -> np.ndarray:
    """Draw the matrix of a synthetic weight set.

    Entries before the zeros are set, all but the last of mean 0:

    * gaussian, sparse: Gaussian, variance 1;
    * uniform: uniform on [-1, 1], variance 1/3;
    * laplace: Laplace, variance 1;
    * ternary: -1 or 1, equally likely;
    * low_rank: product of a (rows, rank) and a (rank, columns) Gaussian matrix, scaled to
      variance 1. Zeros, if asked for, are cut into the product and so raise its rank;
    * heavy_tails: Student's t with ``freedom`` degrees of freedom, scaled to variance 1;
    * identity: 1 where row and column have the same number, else 0. Nothing is drawn.

    Each entry is then, independently, an exact zero with probability ``zeros``.

    Parameters
    ----------
    definition : the weight set; ``clip_sigmas`` is not applied here, so it keeps the draw.
    seed : the study's seed, 0 to 2**64 - 1.
    name : name of the weight set. It and the seed are the generator's key, so a set's numbers
        do not depend on which other sets exist.
    number : which of its independent draws; it does not depend on how many there are.

    Returns
    -------
    float32 array, (rows, columns), no unit.
    """
    shape = (definition.rows, definition.columns)
    generator = _generator(seed, name, _VALUES, number)
    values = _entries(definition, generator).astype(np.float32)
    share = definition.zeros
    if share is None:
        share = _ZEROS.get(definition.kind, 0.0)
    if share > 0:
        values[_generator(seed, name, _MASK, number).random(shape) < share] = 0
    return values


def _generator(seed: int, name: str, purpose: int, number: int) -> Generator:
    """Philox stream of its own for each (seed, name, purpose, number).

    Values and zeros come from separate streams (counters 2**192 apart), so that changing the
    share of zeros leaves the remaining values as they are; draws of a matrix are 2**128 apart.
    """
    digest = hashlib.sha256(name.encode("utf-8")).digest()
    key = np.array([seed, int.from_bytes(digest[:8], "little")], dtype=np.uint64)
    return Generator(Philox(key=key, counter=[0, 0, number, purpose]))


def _entries(definition: SyntheticWeights, generator: Generator) -> np.ndarray:
    shape = (definition.rows, definition.columns)
    match definition.kind:
        case "gaussian" | "sparse":
            return generator.standard_normal(shape)
        case "uniform":
            return generator.uniform(-1, 1, shape)
        case "laplace":
            return generator.laplace(0, math.sqrt(0.5), shape)
        case "ternary":
            return 2.0 * generator.integers(0, 2, shape) - 1.0
        case "low_rank":
            left = generator.standard_normal((definition.rows, definition.rank))
            right = generator.standard_normal((definition.rank, definition.columns))
            # One BLAS thread: the order of a sum must not depend on the cores of the machine.
            with threadpool_limits(1):
                return left @ right / math.sqrt(definition.rank)
        case "heavy_tails":
            freedom = definition.freedom
            return math.sqrt(1 - 2 / freedom) * generator.standard_t(freedom, shape)
        case "identity":
            return np.eye(*shape)
