"""The user's surroundings change no byte of a report, and stop none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aimcsim.common.storage import write_dataset
from aimcsim.report import site
from aimcsim.study.claims import claims
from tests.study.example import make

ROOT = Path(__file__).resolve().parents[2]
RC = """\
backend: module://nowhere
text.usetex: True
savefig.bbox: tight
savefig.transparent: True
axes.xmargin: 0.3
axes.unicode_minus: False
axes.formatter.limits: -1, 1
axes.formatter.use_locale: True
axes.prop_cycle: cycler('color', ['r', 'g'])
font.family: serif
font.size: 20
mathtext.fontset: stix
path.sketch: 1, 100, 2
lines.marker: x
figure.facecolor: black
xtick.direction: in
grid.linestyle: --
errorbar.capsize: 9
svg.id: mine
nonsense: 3
"""
SURROUNDINGS = {
    "a notebook's backend, a C locale, no home": {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
        "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "HOME": None, "MATPLOTLIBRC": "{rc}",
        "PYTHONOPTIMIZE": "2",
    },
    "a backend that is none, settings of one's own, another language": {
        "MPLBACKEND": "nonsense", "MPLCONFIGDIR": "{rc}", "LC_ALL": "de_DE.UTF-8",
        "LANG": "de_DE.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "8",
        "HOME": "/nonexistent", "NO_COLOR": "1", "FORCE_COLOR": "1", "COLUMNS": "20",
        "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "2", "XDG_CACHE_HOME": "/nonexistent",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a study, its report and settings for matplotlib, which are in force in it."""
    folder = tmp_path_factory.mktemp("surroundings")
    summary = make(weight_sets=1, cores=2, network=False, floors=(2.0,), bootstrap=100)
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(folder / "summary.nc", folder / "claims.json", site.TEMPLATES, folder / "usual")
    (folder / "matplotlibrc").write_text(RC)
    return folder


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_no_byte_of_a_report_depends_on_them(made, name):
    changes = SURROUNDINGS[name]
    environment = {key: value for key, value in os.environ.items() if key not in changes}
    environment |= {key: v.replace("{rc}", str(made)) for key, v in changes.items() if v}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "aimcsim.cli", "report", "summary.nc", "claims.json"]
    done = subprocess.run(
        [*command, "--output", "other"],
        cwd=made, env=environment, capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    usual, other = (
        {path.relative_to(made / site): path.read_bytes() for path in (made / site).rglob("*.*")}
        for site in ("usual", "other")
    )
    assert len(usual) > 15
    assert other == usual
