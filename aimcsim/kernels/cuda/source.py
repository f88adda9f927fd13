"""The CUDA source as one text, and the parameters of its kernels.

Whoever runs the kernels, a GPU or a test on the host, checks every call against the source here:
a wrong type or a strided array would otherwise be read as if it were right.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
# Each may use what the ones before define.
FILES = ("draws.cu", "ports.cu", "hadamard.cu", "descent.cu", "judging.cu", "layers.cu")
BLOCK = 128  # threads
MOST_ROWS = 65_535  # of a grid, CUDA's limit

_KERNEL = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\)')
_TYPES = {
    "int": np.int32,
    "u32": np.uint32,
    "u64": np.uint64,
    "float": np.float32,
    "double": np.float64,
    "bool": np.bool_,
    "signed char": np.int8,
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel."""

    name: str
    type: np.dtype  # of the scalar, or of the array's elements
    array: bool
    changed: bool  # an array that the kernel writes to
    number: Callable[[Any], np.generic]  # makes a scalar of its type


@cache
def text() -> str:
    """The whole source, for a compiler that is given no files."""
    parts = []
    for name in FILES:
        parts.append(f'#line 1 "{name}"\n' + (FOLDER / name).read_text(encoding="utf-8"))
    return "\n".join(parts)


@cache
def parameters() -> dict[str, tuple[Parameter, ...]]:
    """Parameters of every kernel by its name."""
    return {
        kernel: tuple(_parameter(declared) for declared in inside.split(","))
        for kernel, inside in _KERNEL.findall(text())
    }


def checked(kernel: str, arguments: Sequence) -> list:
    """``arguments`` as ``kernel`` takes them: arrays as they are, numbers in its types.

    A named tuple stands for its fields, which the kernel's parameters there have the names of.

    Raises
    ------
    TypeError
        The number of arguments, a field's name, an array's type or its layout is not what the
        kernel reads.
    """
    # Plain loops: this runs at every launch, and a device that waits for it computes nothing.
    expected = parameters()[kernel]
    flat: list[Any] = []
    for argument in arguments:
        fields = getattr(type(argument), "_fields", None)
        if fields is None:
            flat.append(argument)
            continue
        for field, parameter in zip(fields, expected[len(flat) :], strict=False):
            if field != parameter.name:
                raise TypeError(f"{kernel} takes {parameter.name} where it got {field}")
        flat.extend(argument)
    if len(flat) != len(expected):
        raise TypeError(f"{kernel} takes {len(expected)} arguments, got {len(flat)}")
    for index, parameter in enumerate(expected):
        argument = flat[index]
        if not parameter.array:
            flat[index] = parameter.number(argument)
        elif argument.dtype != parameter.type or not argument.flags.c_contiguous:
            raise TypeError(
                f"{kernel}: {parameter.name} is {argument.dtype}, contiguous: "
                f"{argument.flags.c_contiguous}; the kernel reads contiguous {parameter.type}"
            )
    return flat


def _parameter(declared: str) -> Parameter:
    words = declared.split()
    constant = words[0] == "const"
    kind, name = " ".join(words[constant:-1]), words[-1]
    array = kind.endswith("*")
    of = _TYPES[kind.rstrip("*")]
    return Parameter(name, np.dtype(of), array, array and not constant, of)
