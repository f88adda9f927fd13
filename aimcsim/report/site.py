"""The static site of a study: pages, style sheet, figures and data, built whole or not at all."""

import inspect
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import jinja2

from aimcsim.common import seals
from aimcsim.common.errors import UserError
from aimcsim.common.paths import TEMPLATES
from aimcsim.common.storage import read_dataset, write_text
from aimcsim.report import front as front_door
from aimcsim.report.claims import read_claims
from aimcsim.report.drawing import Saving
from aimcsim.report.elements import Material, Page, new
from aimcsim.report.pages import PAGES
from aimcsim.report.study import Study

_FRAME = ("base.html.j2", "macros.html.j2", "front.html.j2", "tables.js", "style.css")
_FIRST = "index.html"
_OURS = {"style.css", "figures", "data", f"{_FIRST}{seals.SUFFIX}"}
_STYLED = '<link rel="stylesheet" href="style.css">'


def _guard(output: Path, templates: Path) -> None:
    """Refuse to replace a folder that is not a report."""
    if output.resolve() in (templates.resolve(), *templates.resolve().parents):
        raise UserError(f"{output}: holds the report's templates. Choose another output folder.")
    if not output.exists():
        return
    if not output.is_dir():
        raise UserError(f"{output}: is a file, not a folder. Choose another output folder.")
    pages = {page.file for page in PAGES.values()} if seals.is_sealed(output / _FIRST) else set()
    strange = sorted(
        entry.name
        for entry in output.iterdir()
        if entry.name not in pages and not _is_ours(entry)  # ours are ours, damaged too
    )
    if strange:
        raise UserError(
            f"{output}: holds '{strange[0]}', which is no part of a report. Choose another output "
            "folder, or move that file away."
        )


def _is_ours(entry: Path) -> bool:
    """Whether it is part of a report, be it one whose pages have other names than today's."""
    if entry.name in _OURS or entry.name.startswith(".snakemake"):
        return True
    text = entry.read_text(encoding="utf-8", errors="replace") if entry.suffix == ".html" else ""
    return _STYLED in text


def _ordered() -> list[type[Page]]:
    """Every page there is, in the order of the navigation."""
    pages = sorted(PAGES.values(), key=lambda page: (page.order, page.file))
    for one, other in pairwise(sorted(page.file for page in pages)):
        if one == other:
            raise ValueError(f"two pages write {one}; rename one of them")
    return pages


def _environment(templates: Path, pages: Sequence[type[Page]]) -> jinja2.Environment:
    """Templates are looked for in ``templates``, then beside the modules of the pages."""
    beside = dict.fromkeys(Path(inspect.getfile(page)).parent for page in pages)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, *beside]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for page in pages:
        try:
            environment.get_template(f"{page.file}.j2")
        except jinja2.TemplateNotFound:
            raise UserError(
                f"{templates / page.file}.j2: no such file. Give the folder {TEMPLATES}, or put "
                f"the template of page '{page.label}' there."
            ) from None
    return environment


def build(
    summary_path: Path,
    claims_path: Path,
    templates: Path,
    output: Path,
    further: Sequence[Path] = (),
    threads: int = 1,
    front: Path | None = None,
    made_from: str = "",
) -> None:
    """Build the site of one study: every registered page that the study has.

    The site is made in a hidden folder beside ``output`` and takes its place when complete: a
    build that is killed leaves the old site or none, never a half page. The same inputs give the
    same bytes.

    Parameters
    ----------
    summary_path, claims_path
        The study's ``summary.nc`` and ``claims.json``; copied into ``data/``.
    templates
        Folder with the pages' templates and ``style.css``, such as :data:`TEMPLATES`.
    output
        Folder of the site; ``output/index.html`` is its first page.
    further
        Other datasets of the study, copied into ``data/`` too; pages know them by their file names
        without ending.
    threads
        Cores to draw on; they change no byte.
    front
        The page over all studies whose reports lie beside ``output``, ``output/../index.html``;
        written again after this report, see :mod:`aimcsim.report.front`. Without, there is none.
    made_from
        Digest of all that the site is made from, for the seal of its first page.

    Raises
    ------
    UserError
        A file is missing or damaged, ``output`` holds something other than a report, or ``front``
        is another page.
    """
    summary_path, claims_path = Path(summary_path), Path(claims_path)
    templates, output = Path(templates), Path(output)
    for name in _FRAME:
        if not (templates / name).is_file():
            raise UserError(f"{templates / name}: no such file. Give the folder {TEMPLATES}.")
    _guard(output, templates)
    known = _ordered()
    environment = _environment(templates, known)
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
        with Saving(threads) as saving:
            material = Material(study, claims, others, site, saving)
            found = [(page, page.context(material)) for page in known if _has(material, page)]
            shown = [(page, context) for page, context in found if context is not None]
            labels = {page.file: page.label for page, _ in shown}
            shared = material.shared | {"pages": labels, "front": _link(front, output)}
            for page, context in shown:
                template = environment.get_template(f"{page.file}.j2")
                text = template.render(shared | {"page": page.file} | context)
                (site / page.file).write_text(text, encoding="utf-8")
        told = front_door.about(material, labels)
        write_text(new(site / "data" / front_door.ABOUT), json.dumps(told, indent=1) + "\n")
        shutil.copyfile(templates / "style.css", site / "style.css")
        copies = {"summary.nc": summary_path, "claims.json": claims_path}
        for name, path in (copies | {Path(path).name: path for path in further}).items():
            shutil.copyfile(path, new(site / "data" / name))
        _seal(site / shown[0][0].file, made_from)
        if output.exists():
            os.replace(output, folder / "old")
        os.replace(site, output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if front is not None:
        front_door.write(front, environment)


def _link(front: Path | None, output: Path) -> str | None:
    """Where ``front`` lies, seen from a page in ``output``."""
    return None if front is None else os.path.relpath(front, output).replace(os.sep, "/")


def _seal(first: Path, made_from: str) -> None:
    """Seal the first page, and with it all the others, figures and data."""
    others = sorted(path for path in first.parent.rglob("*") if path.is_file() and path != first)
    seals.seal_path(first).write_text(seals.seal(first, made_from, others).text)


def _has(material: Material, page: type[Page]) -> bool:
    return page.needs is None or page.needs in material.further
