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


def sources_of(*sources: str | Path) -> list[Path]:
    """Source files that importing modules, or a user's files, can execute, sorted.

    Follows every ``import`` statement, also those inside functions; not those that only a type
    checker reads. Modules of this package; of a user's file also those that lie beside it.
    """
    found: set[Path] = set()
    todo = list(sources)
    while todo:
        source = todo.pop()
        for path in _files_of(PACKAGE, source) if isinstance(source, str) else (source,):
            if path not in found:
                found.add(path)
                own = path.is_relative_to(PACKAGE)
                todo.extend(_imports(path) if own else _imports_of_users(path))
    return sorted(found)


def modules_in(package: str) -> list[str]:
    """Every module of a package of ours, for what a registry imports without a statement."""
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    paths = sorted(path.relative_to(PACKAGE.parent) for path in folder.rglob("*.py"))
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]


def source_digest(*sources: str | Path) -> str:
    """SHA-256 of the source files of modules and of a user's files, 16 hex digits.

    It does not depend on where they lie.
    """
    digest = hashlib.sha256()
    paths = sources_of(*sources)
    for path in (path for path in paths if path.is_relative_to(PACKAGE)):
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    users = [path.read_bytes() for path in paths if not path.is_relative_to(PACKAGE)]
    for content in sorted(users):
        digest.update(content)
    return digest.hexdigest()[:16]


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
    """Modules of this package that a source file of it imports."""
    if path.suffix != ".py":
        return ()
    names = _imported(path.read_text(encoding="utf-8"))
    return tuple(name for name in names if name.split(".")[0] == PACKAGE.name)


def _imports_of_users(path: Path) -> list[str | Path]:
    """Modules of this package that a user's file imports, and files beside it that it does."""
    try:
        names = _imported(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):  # loading it says so
        return []
    found: list[str | Path] = []
    for name in names:
        base = path.parent.joinpath(*name.split("."))
        beside = [one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()]
        found += [name] if name.split(".")[0] == PACKAGE.name else beside
    return found


def _imported(text: str) -> list[str]:
    """Names of modules in the import statements of a source text."""
    names: list[str] = []
    todo: list[ast.AST] = [ast.parse(text)]
    while todo:
        node = todo.pop()
        inner = node.orelse if _for_type_checkers(node) else ast.iter_child_nodes(node)
        todo.extend(child for child in inner if isinstance(child, STATEMENTS))
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _for_type_checkers(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether it is ``if TYPE_CHECKING:``, whose body is never executed."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
