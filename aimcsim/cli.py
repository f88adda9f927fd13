"""The ``aimcsim`` command line: what the workflow's rules call, one stage each.

Stages are imported inside their commands, so that a job pays for its own stage alone.
"""

import gc
import json
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from aimcsim import __version__
from aimcsim.common.errors import UserError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Program weights into simulated analog in-memory computing cores.",
)
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
States = Annotated[Path, typer.Argument(help="Programmed conductances (netCDF).")]
Weights = Annotated[Path, typer.Argument(help="Weight set (netCDF).")]
Inputs = Annotated[int, typer.Option(help="Fresh inputs per core.")]
AdcBits = Annotated[int | None, typer.Option(help="ADC bits while judging.")]
Times = Annotated[str, typer.Option(help="Times to judge again at, s, with commas between.")]
Images = Annotated[Path, typer.Argument(help="Images of the network (netCDF).")]
Calibrating = Annotated[int, typer.Option(help="Training images that set ranges.", min=1)]
Statistics = Annotated[str, typer.Option(help="Published statistics of drift and read noise.")]


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    log: Annotated[
        Path | None, typer.Option(help="File for progress and messages; errors are shown as well.")
    ] = None,
) -> None:
    if version:
        typer.echo(f"aimcsim {__version__}")
        raise typer.Exit
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        sys.stderr = log.open("w", encoding="utf-8", buffering=1)


@app.command()
def check(config: Annotated[Path, typer.Argument(help="Configuration file (YAML).")]) -> None:
    """Check a configuration and say how many runs it asks for."""
    from aimcsim.config.load import cases, from_yaml
    from aimcsim.shards.points import points
    from aimcsim.sweep.resolve import settled, settled_backend
    from aimcsim.weights.check import check_files

    study = from_yaml(config)
    parts = [study, *(case.config for case in cases(study))]
    for part in parts:
        settled(part)
    settled_backend(parts)
    check_files(study.weights, Path("results") / study.study)
    swept = len(points(study.gdp))
    typer.echo(
        f"{config}: valid. Study '{study.study}': {len(study.weights)} weight sets x "
        f"{study.cores} cores x {swept} hyperparameter points = "
        f"{len(study.weights) * study.cores * swept} programming runs."
    )


@app.command()
def config(
    write: Annotated[
        bool, typer.Option("--write", help="Update the files that are generated from the models.")
    ] = False,
) -> None:
    """Print every configuration key with its default, unit, range, effect and source."""
    from aimcsim.config import document

    if write:
        for path in document.write(Path.cwd()):
            typer.echo(f"wrote {path}")
    else:
        typer.echo(document.commented_yaml(), nl=False)


@app.command()
def weights(
    name: Annotated[str, typer.Argument(help="Name of the weight set.")],
    definition: Annotated[str, typer.Option(help="Its section of the configuration, as JSON.")],
    output: Output,
    seed: Annotated[int, typer.Option(help="Seed of the study.")] = 1,
) -> None:
    """Draw, train or read the matrices of a weight set."""
    from pydantic import TypeAdapter

    from aimcsim.common.storage import write_dataset
    from aimcsim.weights.dataset import build
    from aimcsim.weights.settings import WeightSet

    section = TypeAdapter(WeightSet).validate_json(definition)
    write_dataset(build(name, section, seed), output)


@app.command()
def program(
    shard: Annotated[Path, typer.Argument(help="Shard description (JSON).")],
    weights: Weights,
    record: Annotated[Path, typer.Option(help="Record to write: status, errors, ledger.")],
    states: Annotated[Path, typer.Option(help="Programmed conductances to write.")],
) -> None:
    """Program the cores of one shard by both methods."""
    from tqdm import tqdm

    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.shards.groups import count_runs
    from aimcsim.shards.spec import read_spec
    from aimcsim.sweep.shard import run

    spec = read_spec(shard)
    weight_set = read_dataset(weights)
    runs = count_runs(spec, weight_set)
    bar = tqdm(desc=shard.stem, unit="run", file=sys.stderr, total=runs)
    with single_threaded(), bar:
        done, conductances = run(spec, weight_set, bar.update, _log)
    write_dataset(conductances, states, compress=False)
    write_dataset(done, record)


@app.command()
def evaluate(
    states: States,
    weights: Weights,
    output: Output,
    inputs: Inputs = 2048,
    adc_bits: AdcBits = None,
    times: Times = "",
    statistics: Statistics = "hermes_odp",
    calibration: Annotated[
        int, typer.Option(help="MVMs to set a digital affine by after programming; 0: none.", min=0)
    ] = 0,
    split: Annotated[
        Path | None, typer.Option(help="Also write here the MVM error split by effect.")
    ] = None,
) -> None:
    """Judge programmed cores on fresh inputs, and a network on its test images."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.evaluation.error_budget import split_by
    from aimcsim.evaluation.judge import judged_by, judges_of
    from aimcsim.physics.state_statistics import BY_NAME
    from aimcsim.shards.spec import parse_spec

    moments = _times(times, statistics)
    programmed, weight_set = read_dataset(states), read_dataset(weights)
    spec = parse_spec(programmed.attrs["shard"])
    with single_threaded():
        judges = list(
            judges_of(
                spec, programmed, weight_set, inputs, adc_bits, calibration, BY_NAME[statistics]
            )
        )
        write_dataset(judged_by(judges, spec, weight_set, moments), output)
        if split:
            write_dataset(split_by(judges, spec, moments), split)


@app.command()
def aggregate(
    plan: Annotated[Path, typer.Argument(help="Plan of the study (JSON).")],
    shards: Annotated[Path, typer.Option(help="Folder of the shards' records.")],
    evaluated: Annotated[Path, typer.Option(help="Folder of the shards' evaluations.")],
    weights: Annotated[Path, typer.Option(help="Folder of the weight sets.")],
    output: Output,
    split: Annotated[
        Path | None, typer.Option(help="Folder of the shards' errors by effect.")
    ] = None,
) -> None:
    """Merge a study's shards into one summary."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.sweep.aggregate import read_plan, summarise

    write_dataset(summarise(read_plan(plan), shards, evaluated, weights, split), output)


@app.command()
def compare(
    plan: Annotated[Path, typer.Argument(help="Plan of the study (JSON).")],
    cases: Annotated[Path, typer.Option(help="Folder of the cases' summaries.")],
    output: Output,
) -> None:
    """Put the cases of a study's comparisons side by side."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.config.load import cases as expand
    from aimcsim.config.load import from_mapping
    from aimcsim.study.comparison import compare as join
    from aimcsim.sweep.aggregate import read_plan

    study = from_mapping(read_plan(plan)["config"], "plan")
    labels = [case.label for case in expand(study)]
    summaries = {label: read_dataset(cases / f"{label}.nc") for label in labels}
    write_dataset(join(study, summaries), output)


@app.command()
def claims(
    summary: Annotated[Path, typer.Argument(help="Summary of a study (netCDF).")],
    output: Output,
    comparison: Annotated[
        Path | None, typer.Option(help="Its cases side by side (netCDF).")
    ] = None,
    accuracy: Annotated[
        Path | None, typer.Option(help="Accuracy of its networks (netCDF).")
    ] = None,
) -> None:
    """Compute the claims with their intervals and verdicts."""
    from aimcsim.common.storage import read_dataset, write_text
    from aimcsim.study.claims import claims as compute

    computed = compute(
        read_dataset(summary),
        comparison=read_dataset(comparison) if comparison else None,
        accuracy=read_dataset(accuracy) if accuracy else None,
    )
    write_text(output, json.dumps(computed, indent=2, allow_nan=False) + "\n")


@app.command()
def images(
    source: Annotated[Path, typer.Argument(help="Folder of CIFAR-10, or .npz or .nc file.")],
    output: Output,
    test: Annotated[int, typer.Option(help="Test images, at most.", min=1)] = 10_000,
    train: Annotated[int, typer.Option(help="Training images, at most.", min=1)] = 256,
) -> None:
    """Read the images of a network."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.networks.images import read

    write_dataset(read(source, test, train), output, compress=False)


@app.command()
def software(
    shard: Annotated[Path, typer.Argument(help="Description of one of its shards (JSON).")],
    weights: Weights,
    images: Images,
    output: Output,
    calibration: Calibrating = 256,
) -> None:
    """Judge a network in software and behind ideal converters; lay it out on cores."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.networks.judge import software as judged
    from aimcsim.shards.spec import read_spec

    spec, pictures = read_spec(shard), read_dataset(images)
    with single_threaded(), _bar(2 * pictures.sizes["test_image"], "image") as bar:
        data = judged(spec, read_dataset(weights), pictures, calibration, bar.update)
    write_dataset(data, output)


@app.command()
def infer(
    states: States,
    weights: Weights,
    images: Images,
    core: Annotated[int, typer.Option(help="The chip.")],
    output: Output,
    time: Annotated[
        float | None, typer.Option(help="s after programming; none: right after.")
    ] = None,
    time_index: Annotated[int, typer.Option(help="Number of the time, for its draws.")] = 0,
    statistics: Statistics = "hermes_odp",
    adc_bits: AdcBits = None,
    calibration: Calibrating = 256,
    compensation: Annotated[
        str, typer.Option(help="Compensations of drift, with commas between: tile,none.")
    ] = "tile,none",
) -> None:
    """Judge a network on one programmed chip by its test images."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.networks.judge import judge
    from aimcsim.networks.programmed import Age
    from aimcsim.shards.spec import parse_spec

    age = None
    if time is not None:
        age = Age(_times(repr(time), statistics)[0], time_index, statistics)
    programmed, pictures = read_dataset(states), read_dataset(images)
    spec, kinds = parse_spec(programmed.attrs["shard"]), tuple(compensation.split(","))
    if core not in spec.cores:
        known = ", ".join(map(str, spec.cores))
        raise UserError(f"--core: got {core}; the chips of {states} are {known}.")
    if unknown := sorted(set(kinds) - {"tile", "none"}):
        raise UserError(f"--compensation: got '{unknown[0]}'; choose from tile, none.")
    passes = len(spec.states) * len(kinds)
    with single_threaded(), _bar(passes * pictures.sizes["test_image"], "image") as bar:
        data = judge(
            spec,
            read_dataset(weights),
            programmed,
            pictures,
            core,
            age,
            adc_bits,
            calibration,
            kinds,
            bar.update,
        )
    write_dataset(data, output)


@app.command()
def accuracy(
    results: Annotated[Path, typer.Argument(help="Folder of the study's results.")],
    output: Output,
) -> None:
    """Put what was inferred in a study side by side."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.study.accuracy import collect

    write_dataset(collect(results), output)


@app.command()
def laws(
    output: Output,
    seed: Annotated[int, typer.Option(help="Seed of the study.")] = 1,
) -> None:
    """Simulate the laws of devices and wires, and hold them against what is published."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.validation.dataset import build

    with single_threaded():
        dataset = build(seed)
    write_dataset(dataset, output)


@app.command()
def report(
    summary: Annotated[Path, typer.Argument(help="Summary of a study (netCDF).")],
    claims: Annotated[Path, typer.Argument(help="Claims of the study (JSON).")],
    templates: Annotated[Path, typer.Option(help="Folder of page templates.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    further: Annotated[
        list[Path] | None, typer.Option(help="Another dataset of the study, for its own page.")
    ] = None,
) -> None:
    """Write the HTML report."""
    from aimcsim.report.site import build

    build(summary, claims, templates, output, further or ())


@app.command()
def cifar10(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
) -> None:
    """Download CIFAR-10 from its home, and check it."""
    from aimcsim.networks.cifar10_download import download

    download(output)


@app.command()
def train(
    settings: Annotated[Path, typer.Argument(help="Training settings (YAML).")],
    images: Annotated[Path, typer.Option(help="Folder of CIFAR-10.")],
    checkpoint: Annotated[
        Path, typer.Option(help="Where training stands: written after every epoch, continued.")
    ],
    output: Output,
) -> None:
    """Train ResNet-9 on CIFAR-10, from the checkpoint on where there is one."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.networks.cifar10 import read
    from aimcsim.training.settings import from_yaml

    chosen = from_yaml(settings)
    try:
        import torch  # noqa: F401
    except ImportError:
        raise UserError(
            "PyTorch is not installed, and training needs it: pip install 'aimcsim[train]'."
        ) from None
    from aimcsim.training.export import dataset
    from aimcsim.training.loop import train as run

    data = read(images)

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    write_dataset(dataset(chosen, data.digest, run(chosen, data, checkpoint, say)), output)


@app.command("fit-device")
def fit_device(
    config: Annotated[Path, typer.Argument(help="Study whose device and method to fit.")],
    unit_cells: Annotated[
        str, typer.Option(help="Curves to fit: odp, tdp or odp,tdp.")
    ] = "odp,tdp",
    evaluations: Annotated[int, typer.Option(help="Trials of the optimiser.", min=4)] = 80,
) -> None:
    """Fit the melt-quench model to the chip's published programming residue."""
    from tqdm import tqdm

    from aimcsim.chip.devices.melt_quench import MeltQuench
    from aimcsim.common.threads import single_threaded
    from aimcsim.config.load import from_yaml
    from aimcsim.validation.fit_device import CURVES, fit

    study, names = from_yaml(config), tuple(unit_cells.split(","))
    if not isinstance(study.device, MeltQuench):
        raise UserError(
            f"{config}: device.model is '{study.device.model}'; only melt_quench can be fitted. "
            "Leave the key out, or give another file."
        )
    unknown = sorted(set(names) - set(CURVES))
    if unknown:
        raise UserError(f"--unit-cells: got '{unknown[0]}'; choose from {', '.join(CURVES)}.")
    with single_threaded(), tqdm(total=evaluations, unit="trial") as bar:
        found = fit(names, study.device, study.periphery, study.iterative, evaluations, bar.update)
    for name, value in found.distance.items():
        typer.echo(
            f"# {name}: root-mean-square distance {100 * value:.1f} % over 0.1 to 1 of g_max"
        )
    typer.echo(
        f"device: {{current_jitter: {found.current_jitter:.4g}, "
        f"quench_noise: {found.quench_noise:.3g}}}\n"
        f"periphery: {{cell_noise: {found.cell_noise:.3g}}}"
    )


def _times(text: str, statistics: str) -> list[float]:
    """Times of ``--times``, checked against the statistics that they are for."""
    from aimcsim.physics.state_statistics import BY_NAME

    if statistics not in BY_NAME:
        raise UserError(f"--statistics: got '{statistics}'; choose from {', '.join(BY_NAME)}.")
    try:
        times = [float(time) for time in text.split(",") if time]
    except ValueError:
        raise UserError(f"--times: got '{text}'; give seconds with commas between.") from None
    if any(not time >= BY_NAME[statistics].t0 for time in times):
        t0 = BY_NAME[statistics].t0
        raise UserError(f"--times: got '{text}'; give times from t0 of {statistics} on, {t0:g} s.")
    return times


def main() -> None:
    """Entry point: a user's mistake is one message and exit code 2, never a traceback."""
    # Imports make many objects and no garbage; looking for it took an eighth of a job's start.
    gc.set_threshold(100_000, 20, 20)
    try:
        app()
    except UserError as error:
        _show(f"aimcsim: error: {error}")
        sys.exit(2)
    except MemoryError as error:
        _show(
            f"aimcsim: error: out of memory ({error}). Make the matrices or "
            "execution.runs_per_shard smaller, or use a larger machine."
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        _show(traceback.format_exc())
        sys.exit(1)


def _bar(total: int, unit: str):
    """A progress bar on the screen or in the log."""
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, file=sys.stderr, mininterval=1)


def _log(message: str) -> None:
    """One line to the log, or to the screen where there is none, past a progress bar."""
    from tqdm import tqdm

    tqdm.write(message, file=sys.stderr)


def _show(message: str) -> None:
    """To the screen, and to the log where there is one."""
    print(message, file=sys.__stderr__)
    if sys.stderr is not sys.__stderr__:
        print(message, file=sys.stderr)


if __name__ == "__main__":
    main()
