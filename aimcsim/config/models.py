"""The configuration as typed models: every key with its unit, range, effect and source.

The models are the only statement of the keys. The JSON schema in ``workflow/schemas`` and
``config/default.yaml`` with its comments are generated from them (``aimcsim config --write``); a
test keeps all three in step. Sections live in files of their own, so that a stage depends on the
source of those that it uses and on no other.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from aimcsim.chip.cost import Cost
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.interface import Device
from aimcsim.chip.devices.registry import DEFAULT, DEVICES
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core, Wires
from aimcsim.common.choice import OneOf
from aimcsim.common.section import Name, Section, key
from aimcsim.config.compare import Comparison
from aimcsim.config.methods import (
    ONE_OF_METHODS,
    Entry,
    labels,
    named_after_algorithms,
    of_role,
    runs,
)
from aimcsim.evaluation.settings import Evaluation
from aimcsim.networks.settings import Inference
from aimcsim.programming.method import BASELINE, RESET
from aimcsim.shards.runs import Run
from aimcsim.weights.registry import WEIGHTS, WeightSet

ONE_OF_WEIGHTS = OneOf(WEIGHTS, "kind")
ONE_OF_DEVICES = OneOf(DEVICES, "model")


def default_device(value: Any) -> Any:
    """A device section that names no model is of the default one."""
    if isinstance(value, Mapping) and "model" not in value:
        return {"model": DEFAULT, **value}
    return value


class Refresh(Section):
    """When programmed cores are programmed again, from the state that drift has left them in."""

    times: tuple[Annotated[float, Field(ge=1, le=1e10)], ...] = key(
        (),
        "Times after programming at which, each on its own, every method programs its drifted "
        "cores again within its budget; rising, at least t0 of evaluation.statistics. An empty "
        "list: never.",
        unit="s",
        max_length=1000,
    )


# Sections that change no result; they stay out of it, whatever way the work was cut.
NOT_SCIENCE = frozenset({"execution"})


class Execution(Section):
    """How the work is cut into jobs, and what programs. Nothing here changes a result, but
    ``backend`` its rounding."""

    runs_per_shard: int = key(
        160,
        "Programming runs (core x setting of a method) in one job, at most.",
        unit="runs",
        ge=1,
        le=100_000,
    )
    backend: Literal["auto", "cpu", "gpu", "reference"] = key(
        "auto", "What programs: cpu, compiled kernels; gpu, CUDA (pip install 'aimcsim[gpu]'; "
        "melt-quench devices, ideal wires); reference, plain NumPy, slow, for checking. They agree "
        "to rounding. auto: gpu where CuPy and a device are found when the study is planned and "
        "it can do the whole study, else cpu.",
    )  # fmt: skip
    keep_conductances: bool = key(
        True, "Keep every programmed state (0.5 MB per run on 256 x 256), so that a change of the "
        "evaluation does not program again; false for large sweeps.",
    )  # fmt: skip


class Report(Section):
    """Statistics of the report."""

    confidence: float = key(
        0.95, "Confidence level of all intervals in the report.", unit="1", gt=0.5, lt=1
    )
    bootstrap: int = key(
        2000, "Bootstrap resamples of the cores.", unit="resamples", ge=100, le=1_000_000
    )


class Config(Section):
    """A whole study. What can be wrong of several sections together is in
    :mod:`aimcsim.config.checks`."""

    study: Name = key(
        "default", "Name of the study: results/<study>/ and reports/<study>/ carry it."
    )
    seed: int = key(1, "Seed of every random draw.", ge=0, le=2**32 - 1)
    cores: int = key(
        6,
        "Chip instances: each weight set is programmed on this many, all different.",
        unit="cores",
        ge=1,
        le=100_000,
    )
    core: Core = key(Core(), "Geometry of one core.")
    device: Annotated[Device, ONE_OF_DEVICES, BeforeValidator(default_device)] = key(
        {},
        "Memory device: law and parameters. A file of your own is named as model: mine.py:Mine.",
        validate_default=True,
    )
    defects: Defects = key(Defects(), "Stuck devices; programming is not told which.")
    wires: Wires = key(Wires(), "Resistance of the crossbar's wires; 0: ideal.")
    periphery: Periphery = key(Periphery(), "Converters around the core.")
    weights: dict[Name, Annotated[WeightSet, ONE_OF_WEIGHTS]] = key(
        {},
        "Weight sets by name; each is split into tiles of the core's size.",
        min_length=1,
        validate_default=True,
    )
    methods: Annotated[
        dict[Name, Annotated[Entry, ONE_OF_METHODS]], BeforeValidator(named_after_algorithms)
    ] = key(
        {},
        "Programming methods by names of your choice, on the same cores: an algorithm and its "
        "settings. Each key takes a value or a list; every combination is run. A file of your own "
        "is named as algorithm: mine.py:Mine.",
        max_length=100,
        validate_default=True,
    )
    baseline: Name = key(
        of_role("baseline"), "Method that the claims compare with; methods start where it ended."
    )
    subject: Name = key(of_role("subject"), "Method that the claims are about.")
    evaluation: Evaluation = key(Evaluation(), "How a programmed core is judged.")
    inference: Inference = key(Inference(), "How networks are judged, by their accuracy.")
    refresh: Refresh = key(Refresh(), "Programming again after drift.")
    compare: dict[Name, Comparison] = key(
        {}, "Comparisons by name: cases of the study with some keys changed, side by side."
    )
    cost: Cost = key(Cost(), "Time and energy of reads, MVMs and pulses; programs nothing again.")
    execution: Execution = key(
        Execution(),
        "How the work is cut into jobs, and what programs; changes no result but its rounding.",
    )
    report: Report = key(Report(), "Statistics of the report.")  # fmt: skip

    def runs(self) -> list[Run]:
        """Every setting of every method, in the order of the study."""
        return runs(self.methods, self.baseline)

    @model_validator(mode="after")
    def _claims_name_methods(self) -> "Config":
        for role in ("baseline", "subject"):
            if getattr(self, role) not in self.methods:
                raise ValueError(
                    f"{role} is '{getattr(self, role)}', and the methods are "
                    f"{', '.join(self.methods)}. Name one of them"
                )
        taken = {RESET} if self.baseline == BASELINE else {RESET, BASELINE}
        for name in sorted(taken & set(self.methods)):
            raise ValueError(
                f"methods.{name}: as a method's start, '{name}' is no method. Choose another name"
            )
        texts = list(labels(self.methods).values())
        twice = [text for text in texts if texts.count(text) > 1]
        if twice:
            raise ValueError(
                f"methods: two are called '{twice[0]}' in figures. Give one another label"
            )
        if self.baseline == self.subject:
            raise ValueError(
                f"baseline and subject are both '{self.baseline}'. Compare two methods"
            )
        return self

    @model_validator(mode="after")
    def _methods_start_somewhere(self) -> "Config":
        self.runs()
        return self

    @model_validator(mode="after")
    def _compares_own_weights(self) -> "Config":
        for name, comparison in self.compare.items():
            for wanted in comparison.weights:
                if wanted not in self.weights:
                    known = ", ".join(self.weights)
                    raise ValueError(
                        f"compare.{name}.weights names '{wanted}'; the weight sets are {known}"
                    )
        return self

    @field_validator("weights", "compare", "methods")
    @classmethod
    def _distinct_files(cls, named: dict) -> dict:
        if len({name.casefold() for name in named}) < len(named):
            raise ValueError("two names differ in case alone; their files would be one")
        return named


_KNOWN: dict[tuple[str, str], Any] = {}
"""Kinds of users' files, by tag and name, that :class:`Config` was built with."""


def current_model(mapping: Mapping[str, Any]) -> type[Config]:
    """:class:`Config`, which knows what ``mapping`` names of the user's own files.

    Raises
    ------
    UserError
        Such a file cannot be read, or has no such class.
    """
    named = {
        ONE_OF_METHODS: _tags(mapping.get("methods"), "algorithm"),
        ONE_OF_WEIGHTS: _tags(mapping.get("weights"), "kind"),
        ONE_OF_DEVICES: _tags({"": mapping.get("device")}, "model"),
    }
    own = {
        (choice.tag, name): choice.registry.load(name)
        for choice, names in named.items()
        for name in names
        if name not in choice.registry.packaged()
    }
    if any(_KNOWN.get(key) is not item for key, item in own.items()):
        Config.model_rebuild(force=True)
        _KNOWN.update(own)
    return Config


def _tags(sections: Any, tag: str) -> list[str]:
    """What sections name as their kind."""
    values = sections.values() if isinstance(sections, Mapping) else ()
    named = [section.get(tag) for section in values if isinstance(section, Mapping)]
    return [name for name in named if isinstance(name, str)]
