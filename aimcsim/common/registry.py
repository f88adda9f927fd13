"""Registries: one thing more of a kind is one file more.

A kind (device, programming method, weight set, claim, page of the report) has a registry. What
belongs to the kind registers itself where it is defined, and everything else iterates the registry:
the loader, the schema, the documentation, dispatch and the report. A user's own comes from a file
of theirs, named as ``mine.py:Mine``, wherever a name of the kind is expected.

The files of a kind are imported when its registry is first asked, not by an ``import`` statement.
So a stage does not depend on the source of a method that its work does not use: the workflow lists
the files of those in use among the inputs (:meth:`Registry.source`).
"""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from aimcsim.common.errors import UserError

Item = TypeVar("Item")
_FILE = ".py:"


class Registry(Mapping[str, Item]):
    """What there is of one kind, by name.

    Parameters
    ----------
    kind : what the user calls one of them, for messages
    package : every module of this package is imported before the registry is read
    base : what a user's own class has to derive from; None: users cannot add to the kind
    """

    def __init__(self, kind: str, package: str, base: type | None = None):
        self.kind, self._package, self._base = kind, package, base
        self._items: dict[str, Item] = {}
        self._complete = False

    def register(self, *names: str) -> Callable[[Any], Any]:
        """Decorator: the class or function below is called each of ``names``."""

        def add(item: Any) -> Any:
            for name in names:
                known = self._items.get(name)
                if known is not None and _origin(known) != _origin(item):
                    raise ValueError(f"two {self.kind}s are called '{name}'; rename one")
                self._items[name] = item
            return item

        return add

    def require_base(self, base: type) -> type:
        """Decorator of the class that a user's own has to derive from."""
        self._base = base
        return base

    def source(self, name: str) -> str | Path:
        """Where ``name`` is defined: a module of this package, or the path of the user's file."""
        if _FILE in name:
            return Path(name.rpartition(":")[0])
        return _origin(self[name])[0]

    def packaged(self) -> list[str]:
        """Names of those that come with the package: none of a user's file."""
        return [name for name in self if _FILE not in name]

    def load(self, name: str) -> Item | None:
        """What is called ``name``, a user's file read again where it has changed; None: nothing.

        Of the names that enter from outside; after that ``[name]`` gives what was loaded.

        Raises
        ------
        UserError
            The file cannot be read, fails, or has no such class.
        """
        if _FILE in name:
            self._items[name] = self._from_file(name)
        return self.get(name)

    def __getitem__(self, name: str) -> Item:
        if name not in self._items and _FILE in name:
            self._items[name] = self._from_file(name)
        self._import()
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        self._import()
        # By module, whichever was imported first, and users' last; within one as registered.
        return iter(sorted(self._items, key=lambda name: (_FILE in name, self._module(name))))

    def __len__(self) -> int:
        self._import()
        return len(self._items)

    def _module(self, name: str) -> str:
        return _origin(self._items[name])[0]

    def _import(self) -> None:
        if self._complete:
            return
        self._complete = True  # first: the modules may ask the registry themselves
        package = importlib.import_module(self._package)
        for found in pkgutil.walk_packages(package.__path__, f"{self._package}."):
            importlib.import_module(found.name)

    def _from_file(self, reference: str) -> Any:
        text, _, name = reference.rpartition(":")
        path = Path(text).expanduser()
        example = f"{self.kind} '{reference}'"
        if self._base is None:
            raise UserError(f"{example}: a {self.kind} cannot come from a file.")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(
                f"{example}: {path} is not readable ({error.strerror}). Give the path of a Python "
                "file, from the folder that the workflow runs in."
            ) from None
        module_name = f"_aimcsim_user_{path.stem}_{sha256(content).hexdigest()[:12]}"
        module = sys.modules.get(module_name)
        if module is None:
            spec = importlib.util.spec_from_file_location(module_name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module  # dataclasses and pydantic look themselves up
            try:
                spec.loader.exec_module(module)
            except Exception as error:
                del sys.modules[module_name]
                line = _line_in(path, error)
                raise UserError(
                    f"{example}: {path}{line} fails with {type(error).__name__}: {error}. Correct "
                    "the file."
                ) from error
        item = getattr(module, name, None)
        if not (inspect.isclass(item) and issubclass(item, self._base)):
            classes = [
                key
                for key, value in vars(module).items()
                if inspect.isclass(value) and issubclass(value, self._base)
                and value.__module__ == module_name
            ]  # fmt: skip
            there = f"It has {', '.join(classes)}." if classes else "It has none."
            raise UserError(
                f"{example}: {path} has no class '{name}' that derives from "
                f"{self._base.__module__}.{self._base.__name__}. {there}"
            )
        return item


def _origin(item: Any) -> tuple[str, str]:
    return item.__module__, item.__qualname__


def _line_in(path: Path, error: Exception) -> str:
    """', line 12' of the user's file, where the error passed through it."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}," if line else ""
