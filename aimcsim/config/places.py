"""Where the files lie that a configuration names.

A path is relative to the configuration file that states it, wherever the workflow runs; ``~`` and
``$HOME`` are expanded. What follows gets paths that are relative to the working folder, or absolute
where they lead out of it: a folder that is moved as a whole computes nothing again.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aimcsim.chip.devices.registry import DEFAULT, DEVICES
from aimcsim.common.errors import UserError
from aimcsim.common.input_files import keys_of_files
from aimcsim.common.registry import Registry
from aimcsim.networks.cifar10 import FOLDER
from aimcsim.programming.method import METHODS
from aimcsim.weights.registry import WEIGHTS

FolderOf = Callable[..., Path]
"""Folder of the file that states the value at the keys given."""
_FILE = ".py:"
_KINDS: dict[str, tuple[str, Registry]] = {
    "weights": ("kind", WEIGHTS), "methods": ("algorithm", METHODS), "device": ("model", DEVICES),
}  # fmt: skip
_MAY_BE_MISSING = frozenset({FOLDER})  # the workflow downloads it


def located(mapping: Mapping[str, Any], folder_of: FolderOf) -> dict[str, Any]:
    """A configuration, not checked yet, with all its paths from the working folder.

    Raises
    ------
    UserError
        There is no such file; the message names the key and says where it was looked for.
    """
    found = _of_study(mapping, mapping, folder_of, ())
    compare = found.get("compare")
    if isinstance(compare, Mapping):
        found["compare"] = {
            name: _of_comparison(one, mapping, folder_of, ("compare", name))
            for name, one in compare.items()
        }
    return found


def _of_study(
    sections: Any, study: Mapping[str, Any], folder_of: FolderOf, keys: tuple[str, ...]
) -> Any:
    """Sections of a study, or what a case of a comparison changes of them."""
    if not isinstance(sections, Mapping):
        return sections
    found = dict(sections)
    for name, (tag, registry) in _KINDS.items():
        section = found.get(name)
        if not isinstance(section, Mapping):
            continue
        base = study.get(name)
        if name == "device":
            found[name] = _of_section(section, base, tag, registry, folder_of, (*keys, name))
        else:
            found[name] = {
                one: _of_section(
                    value, _inside(base, one), tag, registry, folder_of, (*keys, name, str(one))
                )
                for one, value in section.items()
            }
    return found


def _of_comparison(
    comparison: Any, study: Mapping[str, Any], folder_of: FolderOf, keys: tuple[str, ...]
) -> Any:
    if not isinstance(comparison, Mapping):
        return comparison
    found = dict(comparison)
    if "always" in found:
        found["always"] = _of_study(found["always"], study, folder_of, (*keys, "always"))
    if isinstance(found.get("cases"), Mapping):
        found["cases"] = {
            name: _of_study(one, study, folder_of, (*keys, "cases", str(name)))
            for name, one in found["cases"].items()
        }
    return found


def _of_section(
    section: Any,
    base: Any,
    tag: str,
    registry: Registry,
    folder_of: FolderOf,
    keys: tuple[str, ...],
) -> Any:
    """A section of one of the kinds of ``registry``; ``base`` is what a case changes."""
    if not isinstance(section, Mapping):
        return section
    found = dict(section)
    kind = found.get(tag)
    if isinstance(kind, str) and _FILE in kind:
        text, _, name = kind.rpartition(":")
        found[tag] = kind = f"{_located(text, folder_of, (*keys, tag))}:{name}"
    kind = kind or _inside(base, tag) or (DEFAULT if registry is DEVICES else keys[-1])
    model = registry.load(kind) if isinstance(kind, str) else None
    for key in keys_of_files(model) if model else ():
        if isinstance(found.get(key), str) and found[key]:
            found[key] = _located(found[key], folder_of, (*keys, key))
    return found


def _inside(section: Any, key: Any) -> Any:
    return section.get(key) if isinstance(section, Mapping) else None


def _located(text: str, folder_of: FolderOf, keys: tuple[str, ...]) -> str:
    """The path ``text``, stated at ``keys``, from the working folder."""
    expanded = os.path.expanduser(os.path.expandvars(text))
    path = Path(os.path.normpath(folder_of(*keys).absolute() / expanded))
    here = Path.cwd()
    short = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    if not path.exists() and short not in _MAY_BE_MISSING:
        raise UserError(
            f"{'.'.join(keys)}: '{text}' is not there: looked for {path}. A path is relative to "
            "the file that states it. Correct the path, or put the file there."
        )
    return short
