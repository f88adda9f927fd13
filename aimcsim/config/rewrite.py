"""Configurations from before methods had names: one message that shows the new form."""

from collections.abc import Mapping
from typing import Any

import yaml

from aimcsim.config.methods import of_role
from aimcsim.programming.method import METHODS


def needed(mapping: Mapping[str, Any]) -> str:
    """What to write in place of old keys; empty: there are none."""
    old = [name for name in mapping if name in METHODS]
    listed = mapping.get("methods")
    if not old and not isinstance(listed, (list, tuple)):
        return ""
    names = list(dict.fromkeys([of_role("baseline"), of_role("subject"), *_names(listed), *old]))
    sections = {name: mapping.get(name) for name in names}
    kept = {name: dict(s) if isinstance(s, Mapping) else {} for name, s in sections.items()}
    known = {name: section for name, section in kept.items() if name in METHODS}
    new = {"methods": {name: {"algorithm": name, **known[name]} for name in known}}
    text = yaml.safe_dump(new, sort_keys=False, default_flow_style=None, width=80)
    shown = "".join(f"  {line}\n" for line in text.splitlines())
    what = f"'{old[0]}'" if old else "a list of 'methods'"
    return (
        f"{what} at the top level is of an earlier version. Methods are sections of 'methods' now, "
        f"by names of your choice, and a comparison names a key as methods.<name>.<key>. Write\n"
        f"{shown}".rstrip()
    )


def _names(listed: Any) -> list[str]:
    return [str(name) for name in listed] if isinstance(listed, (list, tuple)) else []
