"""What the rules import: every command waits for it, a dry run too."""

import re
import subprocess
import sys
from pathlib import Path

RULES = Path(__file__).resolve().parents[2] / "workflow" / "rules"
SLOW = ["matplotlib", "numba", "onnx", "scipy.stats", "seaborn", "sklearn", "torch"]


def test_the_workflow_imports_nothing_that_only_its_jobs_use():
    imports = [
        line
        for path in sorted(RULES.glob("*.smk"))
        for line in re.findall(r"^(?:from|import) .*", path.read_text(), re.MULTILINE)
    ]
    assert len(imports) > 10
    code = [*imports, f"print(*(name for name in {SLOW} if name in sys.modules))"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
