"""A section of one of the kinds of a registry, told apart by a key of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from aimcsim.common.registry import Registry

_FROM_FILE = r"\.py:[A-Za-z_][A-Za-z0-9_]*$"


@dataclass(frozen=True)
class OneOf:
    """Annotation of a key whose value is a section of one of the kinds in ``registry``.

    Parameters
    ----------
    tag : the key of the section that names the kind
    section : the model of a kind from its name and what the registry holds; None: that itself
    """

    registry: Registry
    tag: str
    section: Callable[[str, Any], type[BaseModel]] | None = None

    def __hash__(self) -> int:
        return id(self.registry)

    def sections(self) -> dict[str, type[BaseModel]]:
        """The model of every kind known so far, those from a user's files included."""
        make = self.section or (lambda _, model: model)
        return {name: make(name, item) for name, item in self.registry.items()}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        choices = {
            name: handler.generate_schema(section) for name, section in self.sections().items()
        }
        return core_schema.tagged_union_schema(choices, self.tag)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The kinds of the package, and any of a user's file."""
        known = handler(schema)
        mapping = known["discriminator"]["mapping"]
        packaged = {name: mapping[name] for name in self.registry.packaged()}
        known["discriminator"]["mapping"] = packaged
        own = {"type": "string", "pattern": _FROM_FILE}
        known["oneOf"] = [
            *({"$ref": reference} for reference in dict.fromkeys(packaged.values())),
            {"type": "object", "required": [self.tag], "properties": {self.tag: own}},
        ]
        return known
