"""Hyperparameter points: the product of the lists in the ``gdp`` section."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

from aimcsim.programming.settings import Gdp


def points(gdp: Gdp) -> list[dict[str, Any]]:
    """Every combination of the swept values, in the order of the section's keys.

    Values keep their types: they never pass through strings, so 0.1 and 0.10 are one point.
    """
    names = list(Gdp.model_fields)
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(getattr(gdp, name) for name in names))
    ]


def digest(content: Any, length: int = 12) -> str:
    """Name derived from ``content`` (anything JSON can hold): equal content, equal name."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]


def point_id(point: Mapping[str, Any]) -> str:
    """Stable name of a hyperparameter point."""
    return digest(dict(point), 8)
