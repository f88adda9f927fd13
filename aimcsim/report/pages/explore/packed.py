"""Columns as a browser takes them: whole numbers of 8 or 16 bits, compressed, as text.

A column of 100,000 numbers is 200 kB before compression. A number is kept to 1 part in 65,534 of
the range of its column, on a logarithmic scale where the column spans more than a decade or so.
"""

import base64
import zlib
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.estimates import with_unit

MISSING = 65535  # the code of a number that is not there
LEVELS = 12  # different numbers of a setting that are shown one by one
NONE = "–"
_RATIO = 20.0  # largest over smallest number from which a scale is logarithmic
_LAST = MISSING - 1


def scaled(values: np.ndarray, codes: int = _LAST) -> tuple[np.ndarray, dict[str, Any]]:
    """Codes 0 to ``codes`` of ``values``, ``codes`` + 1 where NaN, and the scale that they are of.

    The scale has ``low``, ``high`` and ``log``: ``low + (high - low) * code / codes``, or the same
    of the logarithms.
    """
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    log = low > 0 and high > _RATIO * low
    along = np.log if log else np.asarray
    width = float(along(high) - along(low)) or 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (along(values) - along(low)) / width
    found = np.where(np.isfinite(values), np.rint(np.nan_to_num(share) * codes), codes + 1)
    return found, {"low": low, "high": high, "log": bool(log)}


def column(name: str, values: xr.DataArray) -> dict[str, Any]:
    """A column of a table of :func:`~aimcsim.report.pages.explore.runs.table`, ready for JSON.

    Texts, and settings of few different numbers, have ``levels``, the lowest first; a code is the
    place of its level. Other numbers have a scale, see :func:`scaled`.
    """
    about = {
        "name": name,
        "label": values.attrs["long_name"],
        "title": with_unit(values.attrs["long_name"], values.attrs["units"]),
        "group": values.attrs["group"],
    }
    array = values.values
    if array.dtype.kind == "O":
        texts = list(dict.fromkeys(text for text in array if text))[::-1]
        return about | _levels(array, [(text, text) for text in texts], array == "")
    absent = np.isnan(array)
    numbers = np.unique(array[~absent])
    if len(numbers) <= LEVELS and about["group"] in ("run", "setting"):
        return about | _levels(array, list(zip(numbers, _short(numbers), strict=True)), absent)
    codes, scale = scaled(array)
    return about | scale | {"codes": text(codes.astype("<u2"))}


def _levels(array: np.ndarray, levels: list[tuple[Any, str]], absent: np.ndarray) -> dict[str, Any]:
    codes, names = np.zeros(len(array), "<u2"), []
    if absent.any():
        names.append(NONE)
    for level, name in levels:
        codes[array == level] = len(names)
        names.append(name)
    return {"levels": names, "codes": text(codes)}


def _short(numbers: np.ndarray) -> list[str]:
    """Three significant digits, or more where two numbers would look the same."""
    texts = [f"{number:.3g}" for number in numbers]
    return texts if len(set(texts)) == len(texts) else [f"{number:g}" for number in numbers]


def text(codes: np.ndarray) -> str:
    """The bytes of ``codes``, deflated, in base64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(codes).tobytes(), 6)).decode()
