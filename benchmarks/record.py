"""Write RECORD.md and its figure from the JSON of the suite and of the comparison.

python -m benchmarks.record [--results FOLDER]
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tables import Table

HERE = Path(__file__).parent
HEAD = """# Recorded figures

Written by `python -m benchmarks.record` from the JSON of `python -m benchmarks` and
`python -m benchmarks.peers`; do not edit. What the figures mean for the choice of threads, and what
could not be compared, is in [README.md](README.md).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="FOLDER")
    folder = parser.parse_args().results
    suite, peers = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("suite", "peers")
    )
    sections = [HEAD, _targets(_tables(suite), _tables(peers))]
    sections += [_machine("aimcsim alone", suite["machine"]), "![Roofline](roofline.svg)"]
    sections += [table.markdown() for table in _tables(suite).values()]
    sections += [_machine("Beside other simulators", peers["machine"])]
    sections += [table.markdown() for table in _tables(peers).values()]
    (HERE / "RECORD.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    shutil.copyfile(folder / "roofline.svg", HERE / "roofline.svg")


def _tables(results: dict) -> dict[str, Table]:
    return {name: Table(**content) for name, content in results["tables"].items()}


def _targets(suite: dict[str, Table], peers: dict[str, Table]) -> str:
    rows = [
        [what, f"{'at most' if most else 'at least'} {limit:g}", value,
         "met" if (value <= limit if most else value >= limit) else "missed"]
        for what, limit, most, value in _measured(suite, peers)
    ]  # fmt: skip
    return Table("Targets", "One thread, 256 x 256, 256 inputs, unless said otherwise.",
                 ["what", "target", "measured", ""], rows).markdown()  # fmt: skip


def _measured(suite: dict[str, Table], peers: dict[str, Table]) -> Iterator[tuple]:
    """(what, target, whether it is a maximum, measured)."""
    ratio = "GDP / products"
    for kind in ("orthogonal", "uniform"):
        at_256 = suite["batch"].find({"inputs per iteration": 256, "inputs": kind})
        yield (
            f"GDP iteration, {kind} inputs, over the products of random inputs",
            1.5,
            True,
            at_256[ratio],
        )
    for kind in ("orthogonal", "uniform"):
        times = [
            suite["cores"].find({"cores": count, "inputs": kind})["GDP (ms)"] for count in (1, 64)
        ]
        change = 100 * abs(times[1] / times[0] - 1)
        yield f"change from 1 to 64 cores, {kind} inputs (%)", 15, True, change
    aged = suite["networks"].find({"what": "aged cores"})
    yield "a network on aged cores over its bare products", 2, True, aged["times the bare products"]
    shards = suite["throughput"].find({"layout": "two shards, one thread each"})
    yield "two shards of one thread over one, wall time", 1.8, False, shards["times one thread"]
    busy = shards["times one thread by processor time"]
    yield "two shards of one thread over one, processor time", 1.8, False, busy
    preset = peers["descent"].find({"simulator": "aihwkit, PCM preset as shipped"})["times ours"]
    best = peers["descent"].find({"simulator": "aihwkit, PCM preset, best setting"})["times ours"]
    orthogonal = peers["descent"].find({"simulator": "aimcsim, orthogonal inputs"})["times ours"]
    yield "aihwkit's PCM preset over our iteration, uniform inputs", 5, False, preset
    what = "aihwkit's PCM preset over our iteration, orthogonal inputs"
    yield what, 5, False, preset / orthogonal
    yield "its best setting over our iteration, orthogonal inputs", 5, False, best / orthogonal
    yield "its best setting over our iteration, uniform inputs", 5, False, best
    noisy = dict(zip(peers["noisy"].column("simulator"), peers["noisy"].column("times ours"),
                     strict=True))  # fmt: skip
    yield "aihwkit's noisy MVM over ours", 8, False, noisy["aihwkit, C++ tile"]
    crosssim = next(name for name in noisy if name.startswith("CrossSim"))
    yield f"noisy MVM over ours: {crosssim}", 200, False, noisy[crosssim]


def _machine(title: str, machine: dict[str, str]) -> str:
    facts = "; ".join(f"{name} {value}" for name, value in machine.items())
    return f"# {title}\n\n{facts}."


if __name__ == "__main__":
    main()
