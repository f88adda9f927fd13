"""Keys of the configuration that name files: the type of such a key, and where its file lies."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field


class NamesFile:
    """Marks the annotation of a key that names a file or folder."""


InputFile = Annotated[str, Field(min_length=1), NamesFile()]
"""Path of a file or folder that is read. In a configuration file it is relative to that file."""


def keys_of_files(section: type[BaseModel]) -> list[str]:
    """Names of the keys of a section that name files."""
    return [
        name
        for name, field in section.model_fields.items()
        if _names_file(field.metadata) or _within(field.annotation)
    ]


def _within(annotation: Any) -> bool:
    """Whether one of the choices of an annotation names a file."""
    return any(
        _names_file(getattr(choice, "__metadata__", ())) or _within(choice)
        for choice in get_args(annotation)
    )


def _names_file(metadata: Any) -> bool:
    return any(isinstance(one, NamesFile) for one in metadata)
