"""The front door over all studies that have a report: their claims side by side.

It is made from what lies on disk beside it: the data of each report. Every report that is built
writes it again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from string import ascii_letters
from typing import Any

import jinja2

from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_if_changed
from aimcsim.report.claims import read_claims, result_text
from aimcsim.report.elements import Material, enumerated
from aimcsim.report.pages.programming.page import answer
from aimcsim.study.claims import CLAIMS, FAILS, HOLDS, NOT_MEASURED, READINGS
from aimcsim.study.measures import positions, present

NAME = "index.html"
OURS = '<meta name="generator" content="aimcsim, all studies">'
ABOUT = "study.json"
_AGAIN = "Delete the folder of this report and run its study again."


def about(material: Material, pages: dict[str, str]) -> dict[str, Any]:
    """What a report says of its study to the front door; ``pages``: their labels, by file."""
    study = material.study
    runs = positions(study.summary, study.subject)
    several = len(runs) > 1
    return {
        "title": material.title,
        "answer": answer(study, material.marks),
        "subject": material.marks[study.subject].label,
        "setting": study.setting_text(int(runs[study.result.shared])) if several else None,
        "settings": len(runs),
        "weight_sets": len(study.result.weight_sets),
        "chips": study.cores,
        "runs": int(present(study.summary).sum()),
        "revision": str(study.summary.attrs.get("source_revision", "not recorded")),
        "pages": pages,
    }


@dataclass(frozen=True)
class Told:
    """A study as the front door shows it."""

    name: str
    """Of its folder."""
    claims: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    """Why it cannot be shown, where it cannot."""

    @property
    def size(self) -> tuple[int, int]:
        """By which studies are ordered: chips x weight sets, then runs."""
        return (
            self.about.get("chips", 0) * self.about.get("weight_sets", 0),
            self.about.get("runs", 0),
        )

    def claim(self, name: str) -> dict[str, Any] | None:
        """The claim with that id."""
        return next((claim for claim in self.claims if claim["id"] == name), None)


def told(folder: Path) -> list[Told]:
    """Every study that has a report in ``folder``, the largest first."""
    found = [
        _told(path.parents[1])
        for path in sorted(folder.glob("*/data/claims.json"))
        if not path.parents[1].name.startswith(".") and (path.parents[1] / NAME).is_file()
    ]
    return sorted(found, key=lambda one: one.size, reverse=True)


def _told(report: Path) -> Told:
    try:
        claims = read_claims(report / "data" / "claims.json")
        path = report / "data" / ABOUT
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            _ = known["chips"] * known["weight_sets"], known["runs"], known["answer"]
            _ = known["title"], known["pages"], known["setting"], known["subject"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not what this version writes. {_AGAIN}") from error
    except UserError as error:
        return Told(report.name, problem=str(error))
    return Told(report.name, claims, known)


@dataclass(frozen=True)
class Judged:
    """A claim, or a further reading of one, as a study judged it."""

    study: str
    claim: dict[str, Any]
    reading: str
    """Empty where there is no other."""

    @property
    def result(self) -> str:
        return result_text(self.claim)


@dataclass(frozen=True)
class Group:
    """A claim with its readings, over all studies."""

    name: str
    title: str
    judged: list[Judged]
    """By those studies that measured it."""
    without: list[str]
    """Names of the studies that did not measure its first reading."""

    @property
    def verdict(self) -> str:
        """As published: of all studies that measured it, if they agree."""
        first = {one.claim["verdict"] for one in self.judged if one.claim["id"] == self.name}
        return first.pop() if len(first) == 1 else "disagree" if first else NOT_MEASURED

    @property
    def says(self) -> str:
        """The verdict with the studies behind it, as the end of a sentence."""
        studies = {
            verdict: [
                one.study
                for one in self.judged
                if one.claim["id"] == self.name and one.claim["verdict"] == verdict
            ]
            for verdict in (HOLDS, FAILS)
        }
        parts = [f"{verdict} in {enumerated(names)}" for verdict, names in studies.items() if names]
        return ", ".join(parts) or "not measured yet"


def groups(studies: Sequence[Told]) -> list[Group]:
    """Every claim that a study judged, in the order of their numbers."""
    names = {claim["id"]: claim for one in studies for claim in one.claims}
    found = []
    for base, ids in groupby(sorted(names, key=_place), key=lambda name: _split(name)[0]):
        of = list(ids)
        judged = [
            Judged(one.name, claim, READINGS.get(_split(name)[1], name) if len(of) > 1 else "")
            for name in of
            for one in studies
            if (claim := one.claim(name)) is not None and claim["verdict"] != NOT_MEASURED
        ]
        shown = {one.study for one in judged if one.claim["id"] == base}
        without = [one.name for one in studies if one.name not in shown and not one.problem]
        title = CLAIMS[base].title if base in CLAIMS else names[base]["statement"].split(":")[0]
        found.append(Group(base, title, judged, without))
    return found


def _split(name: str) -> tuple[str, str]:
    """'C1' and 't' of 'C1t'."""
    base = name.rstrip(ascii_letters)
    return base, name[len(base) :]


def _place(name: str) -> tuple[int, int]:
    base, letter = _split(name)
    digits = base.lstrip(ascii_letters)
    return int(digits or 0), [*READINGS, letter].index(letter)


def lead(found: Sequence[Group]) -> str:
    """The verdicts of all claims as a sentence."""
    return "; ".join(f"{one.name} ({_small(one.title)}) {one.says}" for one in found) + "."


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def write(front: Path, environment: jinja2.Environment) -> None:
    """Write ``front`` from the reports beside it, if it would change.

    Of several at work at once, whoever writes last has seen the reports of all: each looks again
    after it has written, until nothing has changed meanwhile. A report is in place before its front
    door is written.

    Raises
    ------
    UserError
        ``front`` is another page than a front door of ours.
    """
    if front.exists() and OURS not in front.read_text(encoding="utf-8"):
        raise UserError(
            f"{front}: is no page of aimcsim's, and would be overwritten. Move it away."
        )
    template = environment.get_template("front.html.j2")
    studies = told(front.parent)
    while True:
        write_if_changed(front, template.render(_context(studies)))
        again = told(front.parent)
        if again == studies:
            return
        studies = again


def _context(studies: list[Told]) -> dict[str, Any]:
    found = groups(studies)
    shown = [one for one in studies if not one.problem]
    return {
        "ours": OURS,
        "page": NAME,
        "pages": {},
        "front": None,
        "site_title": "All studies",
        "studies": shown,
        "broken": [one for one in studies if one.problem],
        "groups": found,
        "lead": lead(found),
        "settings": [_setting(one) for one in shown if one.about["setting"]],
    }


def _setting(study: Told) -> dict[str, Any]:
    """The setting that a study found best over all its weight sets, and what speaks for it."""
    claims = {name: study.claim(name) for name in ("C2", "C1")}
    return {
        "study": study,
        "subject": study.about["subject"],
        "text": study.about["setting"],
        "claims": {
            name: claim | {"text": result_text(claim)}
            for name, claim in claims.items()
            if claim is not None and claim["verdict"] != NOT_MEASURED
        },
    }
