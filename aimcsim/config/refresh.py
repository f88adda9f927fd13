"""Programming again after drift."""

from typing import Annotated

from pydantic import Field

from aimcsim.config.base import Section, key


class Refresh(Section):
    """When programmed cores are programmed again, from the state that drift has left them in."""

    times: tuple[Annotated[float, Field(ge=1, le=1e10)], ...] = key(
        (),
        "Times after programming at which, each on its own, every method programs its drifted "
        "cores again within its budget; rising, at least t0 of evaluation.statistics. An empty "
        "list: never.",
        unit="s",
        max_length=1000,
    )
