"""What a result was made from: source files of a stage, revision, versions."""

import ast
import hashlib
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeGuard

PACKAGE = Path(__file__).resolve().parents[1]
STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)
"""What imports can be in: no expression holds one."""
REPORTED_PACKAGES = ("aimcsim", "numpy", "numba", "scipy", "xarray", "netCDF4", "onnx", "snakemake")


def sources_of(*modules: str) -> list[Path]:
    """Source files that importing ``modules`` can execute, within this package, sorted.

    Follows every ``import`` statement, also those inside functions; not those that only a type
    checker reads.
    """
    found: set[Path] = set()
    todo = list(modules)
    while todo:
        for path in _files_of(PACKAGE, todo.pop()):
            if path not in found:
                found.add(path)
                todo.extend(_imports(path))
    return sorted(found)


def modules_in(package: str) -> list[str]:
    """Every module of a package of ours, for what a registry imports without a statement."""
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    paths = sorted(path.relative_to(PACKAGE.parent) for path in folder.rglob("*.py"))
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]


def source_digest(*sources: str | Path) -> str:
    """SHA-256 of the source files of modules, and of files of the user's, 16 hex digits."""
    digest = hashlib.sha256()
    modules = [source for source in sources if isinstance(source, str)]
    for path in sources_of(*modules):
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    for path in (source for source in sources if isinstance(source, Path)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def source_list(*modules: str) -> str:
    """A line ``<SHA-256>  <path>`` for each of the source files of ``modules``.

    Snakemake does not see imports: a rule has this text, as a file, among its inputs, so that an
    edited law reruns what it feeds and nothing else. Paths are within the package, so that the text
    does not depend on where that is installed.
    """
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(PACKAGE).as_posix()}\n"
        for path in sources_of(*modules)
    )
    return "".join(lines)


def source_revision() -> str:
    """``git describe`` of the source tree; the package version where it is no checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    if (PACKAGE.parent / ".git").exists():
        try:
            done = subprocess.run(
                command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done and done.returncode == 0:
            return done.stdout.strip()
    return f"aimcsim {version('aimcsim')}"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers can depend on."""
    found = {"python": platform.python_version()}
    for name in REPORTED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def _files_of(package: Path, module: str) -> tuple[Path, ...]:
    """Files that importing ``module`` executes: its own and its parents' ``__init__``.

    CUDA source beside them is compiled by one of them; ``data/<name>.nc`` belongs to module <name>.
    Looked up once: a reading of the workflow asks for the same modules for many lists.
    """
    parent, _, _ = module.rpartition(".")
    parts = module.split(".")
    if parts[0] != package.name:
        return ()
    files = list(_files_of(package, parent)) if parent else []
    base = package.joinpath(*parts[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            data = path.parent.glob(f"data/{path.stem}.nc")
            files += [path, *sorted(path.parent.glob("*.cu")), *data]
    return tuple(files)


@cache
def _imports(path: Path) -> tuple[str, ...]:
    if path.suffix != ".py":
        return ()
    names: list[str] = []
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        inner = node.orelse if _for_type_checkers(node) else ast.iter_child_nodes(node)
        todo.extend(child for child in inner if isinstance(child, STATEMENTS))
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(name for name in names if name.split(".")[0] == PACKAGE.name)


def _for_type_checkers(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether it is ``if TYPE_CHECKING:``, whose body is never executed."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
