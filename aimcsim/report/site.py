"""The static site of a study: pages, style sheet, figures and data, built whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from aimcsim.common.errors import UserError
from aimcsim.common.storage import read_dataset
from aimcsim.report.elements import Material, new
from aimcsim.report.pages import PAGES
from aimcsim.report.study import (
    Study,
)

_OURS = {*PAGES, "style.css", "figures", "data"}
_TEMPLATES = (*(f"{name}.j2" for name in PAGES), "base.html.j2", "macros.html.j2", "style.css")


def read_claims(path: Path) -> list[dict[str, Any]]:
    """The claims of ``claims.json``. UserError where it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file. Give the path of the study's claims.json.")
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


def _guard(output: Path, templates: Path) -> None:
    """Refuse to replace a folder that is not a report."""
    if output.resolve() in (templates.resolve(), *templates.resolve().parents):
        raise UserError(f"{output}: holds the report's templates. Choose another output folder.")
    if not output.exists():
        return
    if not output.is_dir():
        raise UserError(f"{output}: is a file, not a folder. Choose another output folder.")
    strange = sorted(
        entry.name
        for entry in output.iterdir()
        if entry.name not in _OURS and not entry.name.startswith(".snakemake")
    )
    if strange:
        raise UserError(
            f"{output}: holds '{strange[0]}', which is no part of a report. Choose another output "
            "folder, or move that file away."
        )


def build(
    summary_path: Path,
    claims_path: Path,
    templates: Path,
    output: Path,
    further: Sequence[Path] = (),
) -> None:
    """Build the site of one study.

    The site is made in a hidden folder beside ``output`` and takes its place when complete: a
    build that is killed leaves the old site or none, never a half page. The same inputs give the
    same bytes.

    Parameters
    ----------
    summary_path, claims_path
        The study's ``summary.nc`` and ``claims.json``; copied into ``data/``.
    templates
        Folder with the pages' templates and ``style.css`` (``reports/source``).
    output
        Folder of the site; ``output/index.html`` is its first page.
    further
        Other datasets of the study, copied into ``data/`` too; pages know them by their file names
        without ending.

    Raises
    ------
    UserError
        A file is missing or damaged, or ``output`` holds something other than a report.
    """
    summary_path, claims_path = Path(summary_path), Path(claims_path)
    templates, output = Path(templates), Path(output)
    for name in _TEMPLATES:
        if not (templates / name).is_file():
            raise UserError(f"{templates / name}: no such file. Give the folder reports/source.")
    _guard(output, templates)
    study = Study.of(read_dataset(summary_path))
    claims = read_claims(claims_path)
    others = {Path(path).stem: read_dataset(path) for path in further}

    output.parent.mkdir(parents=True, exist_ok=True)
    for stale in output.parent.glob(f".{output.name}.building-*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}.building-"))
    try:
        site = folder / "site"
        site.mkdir()
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        material = Material(study, claims, others, site)
        made = {name: make(material) for name, make in PAGES.items()}
        pages = {name: page for name, page in made.items() if page is not None}
        shared = {
            "site_title": material.title,
            "pages": {name: page.label for name, page in pages.items()},
        }
        for name, page in pages.items():
            text = environment.get_template(f"{name}.j2").render(
                shared | {"page": name} | page.context
            )
            (site / name).write_text(text, encoding="utf-8")
        shutil.copyfile(templates / "style.css", site / "style.css")
        copies = {"summary.nc": summary_path, "claims.json": claims_path}
        for name, path in (copies | {Path(path).name: path for path in further}).items():
            shutil.copyfile(path, new(site / "data" / name))
        if output.exists():
            os.replace(output, folder / "old")
        os.replace(site, output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
