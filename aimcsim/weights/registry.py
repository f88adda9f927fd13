"""The registry of weight sets: what a kind of weights has to give.

A kind stands in one file, its settings beside its law, and registers itself. A user's own comes
from a file of theirs, ``weights: {mine: {kind: "mine.py:Mine"}}``: a class that derives from
:class:`WeightSet`, whose fields are the keys of its section.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import xarray as xr
from pydantic import AfterValidator, Field

from aimcsim.common.errors import UserError
from aimcsim.common.registry import Registry
from aimcsim.common.section import Section, key
from aimcsim.common.words import checked


class WeightSet(Section):
    """Where the matrices of a weight set come from: the base of every kind."""

    kind: str = key(..., "Where the matrices come from.")
    clip_sigmas: float | None = key(
        None,
        "Clip each matrix at this many standard deviations of its entries other than zero, before "
        "mapping; null: no clipping.",
        unit="standard deviations",
        gt=0,
        le=100,
    )

    remedy: ClassVar[str] = "Correct what makes the matrices."
    """What helps against a matrix that is empty, all zero or not finite."""
    judged_only: ClassVar[frozenset[str]] = frozenset()
    """Keys that only say how a network is judged; what is programmed does not depend on them."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if cls.build is WeightSet.build:
            raise TypeError(f"{cls.__name__} has no method 'build'")

    def build(self, name: str, seed: int) -> xr.Dataset:
        """The matrices, before clipping.

        Parameters
        ----------
        name : of the weight set
        seed : of the study, 0 to 2**32 - 1

        Returns
        -------
        Dataset with a variable for each matrix, as :func:`aimcsim.mapping.dataset.matrix_variables`
        makes them; of a network what :func:`aimcsim.networks.dataset.build` says.

        Raises
        ------
        UserError
            The settings cannot be met, or a file cannot be used. The name of the weight set is put
            before the message.
        """
        raise NotImplementedError

    def files(self) -> tuple[str, ...]:
        """Paths of the files that :meth:`build` reads; where one changes, it is called again."""
        return ()

    def check(self, name: str, made: Path, images: Path) -> xr.Dataset | None:
        """Read, before any work, what the workflow has not read in its present state.

        Parameters
        ----------
        name : of the weight set
        made, images : the files that the workflow makes of the weight set and of its images, if it
            has any; they need not exist

        Returns
        -------
        The weight set where it had to be built; None: ``made`` is as new as its files.

        Raises
        ------
        UserError
            A file is missing or unusable; the message names the key, the file and the remedy.
        """
        from aimcsim.weights.dataset import build

        return None if is_current(made, self.files()) else build(name, self, seed=0)

    @property
    def independent_draws(self) -> int:
        """Independent draws of its matrices that :meth:`build` makes: chip k programs draw k,
        counted round."""
        return 1

    @property
    def judged_by_images(self) -> bool:
        """Whether this is a network with test images: its accuracy is judged as well."""
        return self.image_source is not None

    @property
    def image_source(self) -> str | None:
        """The file or folder that test images are read from; None: there is none."""
        return None

    def read_images(self, seed: int, most_test: int, most_train: int) -> xr.Dataset:
        """Images of a network, at most so many; as :func:`aimcsim.networks.images.read` gives them.

        Parameters as there, and of :meth:`build`.
        """
        raise NotImplementedError

    def last_class(self) -> int | None:
        """The last class that its test images have; None: it has none, or they fit its scores."""
        return None

    def inference_macs(self, most_test: int) -> int | None:
        """Multiply-accumulates of one pass over the test images, which are at most so many.

        By them the workflow cuts inference into jobs. None: so many that every chip and evaluation
        time is a job of its own.
        """
        return None

    def programmed_definition(self) -> dict[str, Any]:
        """The section as JSON holds it, without the keys in :attr:`judged_only` (null)."""
        content = self.model_dump(mode="json")
        return content | {name: None for name in content if name in self.judged_only}


WEIGHTS: Registry[type[WeightSet]] = Registry("weight set", "aimcsim.weights", base=WeightSet)


def is_current(made: Path, sources: Iterable[str | Path]) -> bool:
    """Whether ``made`` was made from the files ``sources`` as they are."""
    paths = [Path(source) for source in sources]
    if not paths:
        return True
    if not made.is_file() or not all(path.is_file() for path in paths):
        return False
    return all(made.stat().st_mtime >= path.stat().st_mtime for path in paths)


def weight_set(definition: Mapping[str, Any]) -> WeightSet:
    """The weight set of a section of the configuration.

    Raises
    ------
    UserError
        There is no such kind, or a key is wrong.
    """
    kind = definition.get("kind")
    try:
        made = WEIGHTS[str(kind)]
    except KeyError:
        raise UserError(
            f"kind: got '{kind}'; choose from {', '.join(WEIGHTS)}, or name a class of yours as "
            "'mine.py:Mine'."
        ) from None
    return checked(made, dict(definition), f"weight set of kind '{kind}'")


def _without_braces(path: str) -> str:
    if set(path) & set("{}"):
        raise ValueError("Snakemake takes { and } in a path for wildcards; rename the file")
    return path


InputFile = Annotated[str, Field(min_length=1), AfterValidator(_without_braces)]
"""Path of a file that a rule of the workflow reads."""
