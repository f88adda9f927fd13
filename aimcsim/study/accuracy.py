"""Accuracy of networks on programmed cores: all chips, methods, moments and cases side by side."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.storage import read_dataset
from aimcsim.config.load import cases, from_mapping
from aimcsim.config.models import Config
from aimcsim.shards.points import point_id
from aimcsim.study.intervals import Estimate, mean_interval
from aimcsim.study.regret import agnosticism
from aimcsim.sweep.aggregate import read_plan
from aimcsim.sweep.moments import inferring, judged_networks, moments

STUDY = "study"
"""Name of the study itself beside its cases."""


def collect(results: Path) -> xr.Dataset:
    """Everything that was inferred in a study, from its folder ``results``.

    Of GDP's points the one that the study chose for the network (``Agnosticism.chosen``: on the
    other weight sets where there are any, by MVM errors; never by accuracy).

    Returns
    -------
    Dataset over ``case`` (those of its comparisons; "study" where it is none of them),
    ``network``, ``core``, ``method``, ``moment`` and ``compensation``: ``accuracy`` (percent);
    over ``layer`` too ``layer_error`` (percent, MVM error on the layer's own inputs); without
    ``core`` but over ``actual`` and ``said``, ``confusion`` (images, of all chips). Per case and
    moment ``time`` (s, NaN: right after programming) and ``adc_bits``. Per network what
    :func:`aimcsim.networks.judge.software` found. NaN where a case has no such thing.
    """
    results = Path(results)
    plan = read_plan(results / "plan.json")
    config = from_mapping(plan["config"], "plan")
    parts = [(STUDY, plan, results / "summary.nc")]
    for case in cases(config):
        path = results / "cases" / case.label
        parts.append((case.label, read_plan(f"{path}.json"), Path(f"{path}.nc")))
    if any(_same(plan, own) for _, own, _ in parts[1:]):
        del parts[0]  # the case says what the study is
    found = [_part(results, name, own, read_dataset(summary)) for name, own, summary in parts]
    joined = _joined([part for part in found if part is not None], "case")
    networks = [
        _network(name, read_dataset(results / "networks" / f"{name}.nc"))
        for name in judged_networks(config)
    ]
    whole = _joined(networks, "network")
    joined = xr.merge([joined, whole], join="outer", combine_attrs="drop")
    joined.attrs = {
        "title": f"aimcsim study {config.study}: accuracy of networks on programmed cores",
        "study": config.study,
        "seed": config.seed,
        "level": config.report.confidence,
        "rows": config.core.rows,
        "columns": config.core.columns,
        "config": json.dumps(config.model_dump(mode="json", exclude={"execution"})),
    }
    return joined


def _same(plan: dict, other: dict) -> bool:
    """Whether the same cores are inferred at the same moments."""
    one, two = (from_mapping(part["config"], "plan") for part in (plan, other))
    return (
        plan["shards"] == other["shards"]
        and inferring(one) == inferring(two)
        and moments(one) == moments(two)
    )


def _network(name: str, data: xr.Dataset) -> xr.Dataset:
    """What is known of a network in software, over ``network``; its attributes as variables."""
    return data.assign(data.attrs).drop_attrs(deep=False).expand_dims({"network": [name]})


def _joined(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    if len(parts) == 1:
        return parts[0]
    # Classes, pieces and epochs are numbers: networks differ in how many they have.
    parts = [
        part.assign_coords(
            {name: np.arange(size) for name, size in part.sizes.items() if name not in part.coords}
        )
        for part in parts
    ]
    order = {}
    for name in ("method", "moment", "layer", "network", "compensation"):
        if name != dim and all(name in part.coords for part in parts):
            order[name] = list(dict.fromkeys(v for part in parts for v in part[name].values))
    joined = xr.concat(parts, dim, join="outer", coords="minimal", compat="override")
    return joined.reindex(order)


def _part(results: Path, case: str, plan: dict, summary: xr.Dataset) -> xr.Dataset | None:
    """One case, over ``case`` of length 1; None where it has no network with images."""
    config = from_mapping(plan["config"], case)
    names = judged_networks(config)
    if not names:
        return None
    chosen = agnosticism(summary).chosen
    sets = summary["weight_set"].values.tolist()
    folder = results / "inferred" / inferring(config)
    parts = []
    for name in names:
        point = str(summary["point_id"].values[chosen[sets.index(name)]])
        files = _Files(folder, results / "shards", name, plan["shards"], point)
        chips = [
            xr.concat(
                [_one(path, moment.name, point) for moment, path in files.of(core, config)],
                "moment",
            )
            for core in range(config.cores)
        ]
        parts.append(xr.concat(chips, "core").expand_dims({"network": [name]}))
    whole = _joined(parts, "network")
    confusion = whole["confusion"].sum("core")
    known = moments(config)
    bits = [one.adc_bits or config.periphery.adc_bits for one in known]
    times = [np.nan if one.time is None else one.time for one in known]
    whole = whole.assign(
        confusion=confusion.assign_attrs(whole["confusion"].attrs),
        time=("moment", times, {"units": "s", "long_name": "time after programming"}),
        adc_bits=("moment", np.array(bits, np.int32), {"units": "bits"}),
    )
    whole = whole.assign_coords(core=np.arange(config.cores))
    return whole.expand_dims({"case": [case]})


@dataclass(frozen=True)
class _Files:
    """Where one network of a part was inferred."""

    folder: Path
    descriptions: Path
    network: str
    shards: list[str]
    point: str

    def of(self, core: int, config: Config) -> Iterator[tuple[Any, Path]]:
        """Every moment of a chip with its file, of the shard that has the chosen point."""
        for shard in self.shards:
            content = json.loads((self.descriptions / f"{shard}.json").read_text("utf-8"))
            ids = [point_id(point) for point in content["points"]]
            mine = content["weight_set"] == self.network and core in content["cores"]
            if mine and self.point in ids:
                for moment in moments(config):
                    yield moment, self.folder / shard / f"{core}-{moment.label}.nc"
                return
        raise UserError(
            f"no shard of the plan has '{self.network}' on core {core} at point {self.point}. "
            "Run the workflow again."
        )


def _one(path: Path, moment: str, point: str) -> xr.Dataset:
    """A file over ``method`` in place of ``state``, of the chosen point alone."""
    data = read_dataset(path)
    methods = ["gdp" if state == point else state for state in data["state"].values.tolist()]
    kept = [index for index, (m, s) in enumerate(zip(methods, data["state"].values, strict=True))
            if m == "gdp" or not _is_point(str(s))]  # fmt: skip
    data = data.assign_coords(state=methods).isel(state=kept).rename(state="method")
    return data.expand_dims({"moment": [moment]})


def _is_point(state: str) -> bool:
    """Baselines have names, points eight hexadecimal digits."""
    return len(state) == 8 and all(letter in "0123456789abcdef" for letter in state)


def gain(accuracy: xr.Dataset, **where: Any) -> Estimate:
    """Accuracy of GDP less that of iterative programming, points, paired over chips.

    ``where`` selects one case, network, moment and compensation; Student t interval.
    """
    values = accuracy["accuracy"].sel(where)
    difference = values.sel({"method": "gdp"}) - values.sel({"method": "iterative"})
    kept = difference.dropna("core").values
    if not kept.size:
        return Estimate(np.nan, np.nan, np.nan)
    return Estimate(*(float(v) for v in mean_interval(kept, accuracy.attrs["level"])))
