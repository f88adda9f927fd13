"""Where a training stands, in a file that a kill cannot spoil."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aimcsim.common import seals
from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_atomically
from aimcsim.training.settings import Training


@dataclass
class Checkpoint:
    """State after a whole epoch. Draws follow from the seed and the epoch: none are stored."""

    settings: dict[str, Any]
    images: str
    """Digest of the images."""
    phase: int
    """Phases done."""
    epoch: int
    """Epochs done of the phase that runs."""
    network: dict[str, Any]
    optimiser: list[dict[str, Any]] | None
    """None at the start of a phase."""
    record: list[dict[str, float]]
    """One row per epoch, of all phases."""
    average: dict[str, Any] | None = None
    """State of the running mean of the network; None where there is none."""


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write ``checkpoint``; at any moment ``path`` holds the old state or the new, in full."""
    write_atomically(path, lambda temporary: torch.save(vars(checkpoint), temporary), made_from="")


def phase_end(path: Path, phase: str) -> Path:
    """Where the state that a phase ended with stays, beside the checkpoint at ``path``."""
    return path.with_suffix(f".{phase}.pt")


def latest(
    path: Path, settings: Training, images: str, say: Callable[[str], None]
) -> Checkpoint | None:
    """The checkpoint at ``path``; where that is damaged, what the last phase before ended with.

    ``say`` is told of each that is damaged. None: there is none to go on from.

    Raises
    ------
    UserError
        See :func:`load`.
    """
    ends = [phase_end(path, phase.name) for phase in reversed(settings.phases)]
    for file in (path, *ends) if path.is_file() else ():
        try:
            if seals.is_sealed(file):
                seals.made_from(file)
        except seals.Broken as reason:
            say(f"{file}: damaged: {reason}. The training goes on from before")
            continue
        if file.is_file():
            return load(file, settings, images)
    return None


def load(path: Path, settings: Training, images: str) -> Checkpoint | None:
    """The checkpoint at ``path``, or None where there is no such file.

    Phases that it has not begun may have changed since; nothing else may.

    Raises
    ------
    UserError
        The file is damaged, or belongs to other settings or images.
    """
    if not path.is_file():
        return None
    try:
        found = Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
        # As today's settings, with defaults for keys that have come since.
        found.settings = plain(Training.model_validate(found.settings))
        if isinstance(found.optimiser, dict):  # from when there was one
            found.optimiser = [found.optimiser]
    except Exception as error:  # damaged bytes make a parser raise nearly anything
        raise UserError(
            f"{path}: not readable as a checkpoint ({type(error).__name__}). Delete it to start "
            "anew, or give another file."
        ) from error
    if found.images != images:
        raise UserError(
            f"{path}: was trained on other images (digest {found.images}, here {images}). Delete "
            "it to start anew, or give another file."
        )
    begun = found.phase + (found.epoch > 0)
    old, new = (_relevant(part, begun) for part in (found.settings, plain(settings)))
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if changed:
        raise UserError(
            f"{path}: was trained with other values of '{changed[0]}'. Restore them, delete the "
            "checkpoint to start anew, or give another file."
        )
    return found


def plain(settings: Training) -> dict[str, Any]:
    """Settings as plain values, as checkpoints hold them."""
    return settings.model_dump(mode="json")


def _relevant(settings: dict[str, Any], begun: int) -> dict[str, Any]:
    """What a user may not change on the way: all but phases to come, machine and tests."""
    free = ["threads", "device", "compile", "test_every", "noise_draws"]
    phases, teacher = settings["phases"][:begun], settings["teacher"]
    if any(phase["distilled"] for phase in phases):
        teacher = _relevant(teacher, len(teacher["phases"]))
    else:
        free += ["teacher", "temperature"]
    kept = {name: value for name, value in settings.items() if name not in free}
    return kept | {"phases": phases} | ({"teacher": teacher} if "teacher" in kept else {})
