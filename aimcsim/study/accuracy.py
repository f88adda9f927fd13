"""Accuracy of networks on programmed cores: all chips, methods, times and cases side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.paths import Results
from aimcsim.common.storage import read_dataset
from aimcsim.config.load import cases
from aimcsim.config.models import Config
from aimcsim.shards.spec import ShardSpec
from aimcsim.study.fronts import QUANTITIES, costs, has_cost
from aimcsim.study.intervals import Estimate, mean_interval
from aimcsim.study.measures import about_methods
from aimcsim.study.regret import Agnosticism, agnosticism, at_chosen
from aimcsim.sweep.evaluation_times import (
    evaluation_times,
    inference_jobs,
    inferring,
    judged_networks,
)
from aimcsim.sweep.plan import Plan

STUDY = "study"
"""Name of the study itself beside its cases."""


def collect(results: Results) -> xr.Dataset:
    """Everything that was inferred in a study.

    Of the runs of each method the one that the study chose for the network (``Agnosticism.runs``:
    on the other weight sets where there are any, by MVM errors; never by accuracy).

    Returns
    -------
    Dataset over ``case`` (those of its comparisons; "study" where it is none of them),
    ``network``, ``core``, ``programmed_by`` (name of the method), ``evaluation_time`` and
    ``compensation``: ``accuracy`` (percent); over ``layer`` too ``layer_error`` (percent, MVM error
    on the layer's own inputs); without ``core`` but over ``actual`` and ``said``, ``confusion``
    (images, of all chips). Per case and evaluation time ``time`` (s, NaN: right after programming)
    and ``adc_bits``. Per network what :func:`aimcsim.networks.judge.software` found. NaN where a
    case has no such thing. Per case, network, chip and method ``programming_time`` (s) and
    ``programming_energy`` (J) of the run; ``algorithm`` of each method. Attribute ``judged_by``:
    the back ends that judged all of it.
    """
    plan = Plan.read(results.plan())
    config = plan.config
    parts = [(STUDY, plan, results.summary())]
    for case in cases(config):
        own = Plan.read(results.plan(case.label))
        parts.append((case.label, own, results.summary(case.label)))
    if any(_same(plan, own) for _, own, _ in parts[1:]):
        del parts[0]  # the case says what the study is
    summaries = [read_dataset(Path(path)) for _, _, path in parts]
    judged: set[str] = set()
    found = [
        _part(results, name, own, summary, judged)
        for (name, own, _), summary in zip(parts, summaries, strict=True)
    ]
    joined = _joined([part for part in found if part is not None], "case")
    algorithms = {
        name: one["algorithm"]
        for summary in summaries
        for name, one in about_methods(summary).items()
    }
    methods = joined["programmed_by"].values.tolist()
    joined = joined.assign_coords(
        algorithm=("programmed_by", [algorithms[name] for name in methods])
    )
    networks = [
        _network(name, read_dataset(Path(results.network(name))), judged)
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
        "judged_by": "; ".join(sorted(judged)),
    }
    return joined


def _same(plan: Plan, other: Plan) -> bool:
    """Whether the same cores are inferred at the same times."""
    return (
        list(plan.shards) == list(other.shards)
        and inferring(plan.config) == inferring(other.config)
        and evaluation_times(plan.config) == evaluation_times(other.config)
    )


def _network(name: str, data: xr.Dataset, judged: set[str]) -> xr.Dataset:
    """What is known of a network in software, over ``network``; its attributes as variables.

    The back end goes into ``judged``.
    """
    judged.add(data.attrs.pop("judged_by"))
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
    for name in ("programmed_by", "evaluation_time", "layer", "network", "compensation"):
        if name != dim and all(name in part.coords for part in parts):
            order[name] = list(dict.fromkeys(v for part in parts for v in part[name].values))
    joined = xr.concat(parts, dim, join="outer", coords="minimal", compat="override")
    return joined.reindex(order)


def _part(
    results: Results, case: str, plan: Plan, summary: xr.Dataset, judged: set[str]
) -> xr.Dataset | None:
    """One case, over ``case`` of length 1; None where it has no network with images.

    What judged its chips goes into ``judged``.
    """
    config, names = plan.config, judged_networks(plan.config)
    if not names:
        return None
    study, ids = agnosticism(summary), summary["run"].values
    sets = summary["weight_set"].values.tolist()
    shards = [ShardSpec.read(Path(results.description(name))) for name in plan.shards]
    parts = []
    for name in names:
        runs = {method: str(ids[of[sets.index(name)]]) for method, of in study.runs.items()}
        own = [shard for shard in shards if shard.weight_set == name]
        whole = _on_cores(results, config, name, own, runs, judged)
        parts.append(whole.expand_dims({"network": [name]}))
    whole = _joined(parts, "network").merge(_spent(summary, study, names))
    known = evaluation_times(config)
    bits = [one.adc_bits or config.periphery.adc_bits for one in known]
    times = [np.nan if one.time is None else one.time for one in known]
    whole = whole.assign(
        confusion=whole["confusion"].sum("core").assign_attrs(whole["confusion"].attrs),
        time=("evaluation_time", times, {"units": "s", "long_name": "time after programming"}),
        adc_bits=("evaluation_time", np.array(bits, np.float32), {"units": "bits"}),
    )
    return whole.expand_dims({"case": [case]})


def _spent(summary: xr.Dataset, study: Agnosticism, names: Sequence[str]) -> xr.Dataset:
    """What programming the networks took, over (network, core, programmed_by)."""
    found = {}
    for quantity in QUANTITIES if has_cost(summary) else ():
        values = at_chosen(costs(summary, quantity), study).sel(weight_set=names)
        values = values.rename(weight_set="network")
        attributes = summary[f"programming_{quantity}"].attrs
        text = f"{quantity} to program a network on one chip"
        found[f"programming_{quantity}"] = values.assign_attrs(attributes | {"long_name": text})
    return xr.Dataset(found).transpose("network", "core", ...) if found else xr.Dataset()


def _on_cores(
    results: Results,
    config: Config,
    name: str,
    shards: Sequence[ShardSpec],
    runs: Mapping[str, str],
    judged: set[str],
) -> xr.Dataset:
    """What was inferred of network ``name`` in its shards, of the chosen run of each method."""
    pieces = list(_pieces(results, config, shards, runs))
    judged.update(piece.attrs["judged_by"] for piece in pieces)
    if pieces:
        # A run that several shards have is the same in each.
        whole = xr.merge(pieces, join="outer", compat="no_conflicts", combine_attrs="override")
        order = {"programmed_by": list(runs), "core": np.arange(config.cores)}
        order["evaluation_time"] = [one.name for one in evaluation_times(config)]
        order |= {name: pieces[0][name].values for name in ("compensation", "layer")}
        whole = whole.reindex(order)
        if whole["accuracy"].notnull().all():
            return whole
    raise UserError(
        f"the shards of '{name}' in the plan lack some of the {config.cores} chips "
        f"with the runs {', '.join(runs.values())}. Run the workflow again."
    )


def _pieces(
    results: Results, config: Config, shards: Sequence[ShardSpec], runs: Mapping[str, str]
) -> Iterator[xr.Dataset]:
    """The chosen runs in the file of each job, over ``programmed_by`` in place of ``run``."""
    for shard in shards:
        there = {method: run for method, run in runs.items() if run in shard.run_ids}
        for job in inference_jobs(config, shard) if there else ():
            path = results.inferred(inferring(config), shard.name, job.name)
            data = read_dataset(Path(path)).drop_vars(["time", "adc_bits"])
            data = data.sel({"run": list(there.values())}).rename({"run": "programmed_by"})
            yield data.assign_coords(programmed_by=list(there))


def gain(accuracy: xr.Dataset, *, baseline: str, subject: str, **where: Any) -> Estimate:
    """Accuracy of method ``subject`` less that of ``baseline``, points, paired over chips.

    ``where`` selects one case, network, evaluation time and compensation; Student t interval.
    """
    values = accuracy["accuracy"].sel(where)
    difference = values.sel(programmed_by=subject) - values.sel(programmed_by=baseline)
    kept = difference.dropna("core").values
    if not kept.size:
        return Estimate(np.nan, np.nan, np.nan)
    return Estimate(*(float(v) for v in mean_interval(kept, accuracy.attrs["level"])))
