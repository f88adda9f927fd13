"""Seals: beside a file that the workflow writes, the digest of its bytes and what it was made from.

    # aimcsim, made from 0f3c...
    9f86d081884c...  summary.nc

``sha256sum -c summary.nc.sha256`` checks it too. A file is trusted only with its seal: whole, to
the bit, the one of that name, and made from what is wanted now. The seal is looked at before any
library opens the file, some of which never come back from a damaged one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aimcsim.common.contents import sha256
from aimcsim.common.errors import UserError

SUFFIX = ".sha256"
_HEAD = re.compile(r"# aimcsim, made from ([\w:-]*)")
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


@dataclass(frozen=True)
class Seal:
    """What a seal says."""

    made_from: str
    """Digest of all that the file depends on; empty: not known."""
    digests: Mapping[str, str]
    """SHA-256 of each file that it is of, by path within the seal's folder."""

    @property
    def text(self) -> str:
        """The text of its file."""
        lines = (f"{digest}  {name}\n" for name, digest in self.digests.items())
        return f"# aimcsim, made from {self.made_from}\n{''.join(lines)}"

    @classmethod
    def of(cls, text: str) -> "Seal":
        """The seal of that :attr:`text`; raises ValueError."""
        head, *lines = text.splitlines()
        made_from = _HEAD.fullmatch(head)
        found = [_LINE.fullmatch(line) for line in lines]
        if made_from is None or not found or None in found:
            raise ValueError("not the text of a seal")
        return cls(made_from[1], {line[2]: line[1] for line in found if line})


def seal_path(path: Path) -> Path:
    """Where the seal of the file at ``path`` lies."""
    return path.with_name(path.name + SUFFIX)


def seal(path: Path, made_from: str, further: Iterable[Path] = ()) -> Seal:
    """The seal for the file at ``path`` as it is, and for ``further`` files in its folder."""
    files = [path, *further]
    return Seal(made_from, {p.relative_to(path.parent).as_posix(): sha256(p) for p in files})


def is_sealed(path: Path) -> bool:
    """Whether there is a seal to the file at ``path``, right or wrong."""
    return seal_path(path).is_file()


def made_from(path: Path) -> str:
    """What the file at ``path`` was made from, by its seal.

    Raises
    ------
    Broken
        There is no seal, or the file is not the one that was sealed.
    """
    try:
        found = Seal.of(seal_path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Broken("nothing says what it should hold") from None
    except (OSError, ValueError):
        raise Broken(f"{seal_path(path).name} beside it is damaged") from None
    if path.name not in found.digests:
        raise Broken(f"{seal_path(path).name} beside it is of another file")
    for name, digest in found.digests.items():
        try:
            right = sha256(path.parent / name) == digest
        except OSError as error:
            raise Broken(f"{name} is not readable ({error.strerror})") from None
        if not right:
            raise Broken("it does not hold what was written" if name == path.name else
                         f"{name} does not hold what was written")  # fmt: skip
    return found.made_from


class Broken(Exception):
    """Says why a file is not to be trusted."""


def verify(path: Path) -> None:
    """Raise a :class:`UserError` unless the sealed file at ``path`` is the one that was written."""
    try:
        made_from(path)
    except Broken as reason:
        raise UserError(
            f"{path}: damaged or of something else: {reason}. Run the workflow again, which makes "
            "it anew."
        ) from None
