"""The claims of a study as its report has them: read from ``claims.json``, and as text."""

import json
from pathlib import Path
from typing import Any

from aimcsim.common import seals
from aimcsim.common.errors import UserError
from aimcsim.report.estimates import estimate_text
from aimcsim.study.intervals import Estimate


def read_claims(path: Path) -> list[dict[str, Any]]:
    """The claims of ``claims.json``. UserError where it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file. Give the path of the study's claims.json.")
    if seals.is_sealed(path):
        seals.verify(path)
    try:
        claims = json.loads(path.read_text(encoding="utf-8"))
        for claim in claims:
            _ = claim["id"], claim["statement"], claim["verdict"], claim["value"]
            _ = claim["low"], claim["high"], claim["unit"], claim["reason"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a list of claims ({error!r}). Delete it and run the workflow again."
        ) from error
    return claims


def result_text(claim: dict[str, Any]) -> str:
    """The number of a claim with its interval; a dash where it was not measured."""
    if claim["value"] is None:
        return "–"
    ends = (float("nan") if claim[key] is None else claim[key] for key in ("value", "low", "high"))
    return estimate_text(Estimate(*ends), "" if claim["unit"] == "1" else claim["unit"])
