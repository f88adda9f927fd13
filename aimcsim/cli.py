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
AdcBits = Annotated[float | None, typer.Option(help="ADC bits while judging.")]
Folder = Annotated[Path, typer.Argument(help="Folder of the study's results.")]
Name = Annotated[str, typer.Argument(help="Name of the weight set.")]
Definition = Annotated[str, typer.Option(help="Its section of the configuration, as JSON.")]
Seed = Annotated[int, typer.Option(help="Seed of the study.")]
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
    from aimcsim.common.paths import Results
    from aimcsim.config.load import cases, from_yaml
    from aimcsim.config.sample import sample
    from aimcsim.sweep.resolve import settled, settled_backend
    from aimcsim.weights.check import check_files

    study = from_yaml(config)
    parts = [study, *(case.config for case in cases(study))]
    for part in parts:
        settled(part)
    settled_backend(parts)
    check_files(study.weights, Results.of(study.study))
    runs = study.runs()
    counts = [sum(run.method == name for run in runs) for name in study.methods]
    methods = ", ".join(
        f"{name} ({count} setting{'s' if count > 1 else ''})"
        for name, count in zip(study.methods, counts, strict=True)
    )
    typer.echo(
        f"{config}: valid. Study '{study.study}': {len(study.weights)} weight sets x {study.cores} "
        f"chips x {len(runs)} settings of methods = "
        f"{len(study.weights) * study.cores * len(runs)} programming runs.\nMethods: {methods}.\n"
        f"{sample(study)}"
    )
    _show_weights(study)


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
def weights(name: Name, definition: Definition, output: Output, seed: Seed = 1) -> None:
    """Draw, train or read the matrices of a weight set."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.weights.dataset import build
    from aimcsim.weights.registry import weight_set

    write_dataset(build(name, weight_set(json.loads(definition)), seed), output)


@app.command()
def kernels(results: Folder, output: Output) -> None:
    """Compile the kernels that a study's jobs call; they lie in the compiler's own cache."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import write_text
    from aimcsim.common.threads import single_threaded
    from aimcsim.shards.spec import ShardSpec
    from aimcsim.sweep.compiling import compile_kernels
    from aimcsim.sweep.plan import Plan

    files = Results(str(results))
    plan = Plan.read(files.plan())
    spec = ShardSpec.read(Path(files.description(plan.shards[0])))
    said = "compiled"
    try:
        with single_threaded():
            compile_kernels(spec, plan.config.evaluation)
    except Exception:  # of a user's method that wants larger cores: each job compiles for itself
        said = "not compiled"
        _log(traceback.format_exc())
    write_text(output, f"{said}\n")


@app.command()
def program(
    shard: Annotated[Path, typer.Argument(help="Shard description (JSON).")],
    weights: Weights,
    record: Annotated[Path, typer.Option(help="Record to write: status, errors, ledger.")],
    states: Annotated[Path, typer.Option(help="Programmed conductances to write.")],
) -> None:
    """Program the cores of one shard."""
    from tqdm import tqdm

    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.shards.groups import count_runs
    from aimcsim.shards.spec import ShardSpec
    from aimcsim.sweep.shard import run

    spec = ShardSpec.read(shard)
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
    budget: Annotated[Path, typer.Option(help="Error budget to write.")],
    settings: Annotated[
        str, typer.Option(help="Section 'evaluation' of the configuration, as JSON.")
    ] = "{}",
) -> None:
    """Judge programmed cores on fresh inputs, and give their error budget."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.evaluation.settings import Evaluation
    from aimcsim.evaluation.shard import evaluate as judged

    how = _section(Evaluation, settings, "--settings")
    with single_threaded():
        found = judged(read_dataset(states), read_dataset(weights), how)
    write_dataset(found.errors, output)
    write_dataset(found.budget, budget)


@app.command()
def aggregate(
    results: Folder,
    output: Output,
    case: Annotated[str, typer.Option(help="Case of a comparison; empty: the study.")] = "",
) -> None:
    """Merge the shards of a study, or of a case, into one summary."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import write_dataset
    from aimcsim.sweep.aggregate import summarise

    write_dataset(summarise(Results(str(results)), case), output)


@app.command()
def compare(results: Folder, output: Output) -> None:
    """Put the cases of a study's comparisons side by side."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.config.load import cases
    from aimcsim.study.comparison import compare as join
    from aimcsim.sweep.plan import Plan

    files = Results(str(results))
    study = Plan.read(files.plan()).config
    labels = [case.label for case in cases(study)]
    summaries = {label: read_dataset(Path(files.summary(label))) for label in labels}
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
    """Compute the claims with their intervals and verdicts; warn of suspicious runs."""
    from aimcsim.common.storage import read_dataset, write_text
    from aimcsim.study.cautions import cautions
    from aimcsim.study.claims import claims as compute

    study = read_dataset(summary)
    for text in cautions(study):
        typer.echo(f"warning: {text}", err=True)
    computed = compute(
        study,
        comparison=read_dataset(comparison) if comparison else None,
        accuracy=read_dataset(accuracy) if accuracy else None,
    )
    write_text(output, json.dumps(computed, indent=2, allow_nan=False) + "\n")


@app.command()
def images(
    name: Name,
    definition: Definition,
    output: Output,
    seed: Seed = 1,
    test: Annotated[int, typer.Option(help="Test images, at most.", min=1)] = 10_000,
    train: Annotated[int, typer.Option(help="Training images, at most.", min=1)] = 256,
) -> None:
    """Read the images of a network."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.weights.registry import weight_set

    network = weight_set(json.loads(definition))
    if not network.judged_by_images:
        raise UserError(f"weights.{name}: it has no images, so there is nothing to read.")
    write_dataset(network.read_images(seed, test, train), output, compress=False)


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
    from aimcsim.shards.spec import ShardSpec

    spec, pictures = ShardSpec.read(shard), read_dataset(images)
    with single_threaded(), _bar(2 * pictures.sizes["test_image"], "image") as bar:
        data = judged(spec, read_dataset(weights), pictures, calibration, bar.update)
    write_dataset(data, output)


@app.command()
def infer(
    states: States,
    weights: Weights,
    images: Images,
    output: Output,
    chips: Annotated[
        str, typer.Option(help="Chips, with commas between; empty: all of the states.")
    ] = "",
    times: Annotated[
        str,
        typer.Option(
            help="Evaluation times, with commas between: programmed; time<number>-<seconds>, the "
            "number being the address of its draws; adc<bits>, programmed and at that resolution."
        ),
    ] = "programmed",
    statistics: Statistics = "hermes_odp",
    adc_bits: AdcBits = None,
    calibration: Calibrating = 256,
    compensation: Annotated[
        str, typer.Option(help="Compensations of drift, with commas between: tile,none.")
    ] = "tile,none",
) -> None:
    """Judge a network on programmed chips by its test images."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.networks.evaluation_time import EvaluationTime
    from aimcsim.networks.judge import How, judge
    from aimcsim.shards.spec import ShardSpec

    at = [EvaluationTime.parse(label, adc_bits) for label in times.split(",")]
    _after_t0([one.time for one in at if one.time is not None], statistics, "--times")
    kinds = tuple(compensation.split(","))
    if unknown := sorted(set(kinds) - {"tile", "none"}):
        raise UserError(f"--compensation: got '{unknown[0]}'; choose from tile, none.")
    programmed, pictures = read_dataset(states), read_dataset(images)
    spec = ShardSpec.parse(programmed.attrs["shard"])
    known = spec.cores.tolist()
    wanted = chips.split(",") if chips else [str(chip) for chip in known]
    if unknown := [chip for chip in wanted if chip not in map(str, known)]:
        raise UserError(
            f"--chips: got '{unknown[0]}'; the chips of {states} are {', '.join(map(str, known))}."
        )
    passes = len(wanted) * len(at) * len(spec.run_ids) * len(kinds)
    with single_threaded(), _bar(passes * pictures.sizes["test_image"], "image") as bar:
        data = judge(
            spec,
            read_dataset(weights),
            programmed,
            pictures,
            [int(chip) for chip in wanted],
            at,
            How(calibration, kinds, statistics),
            bar.update,
        )
    write_dataset(data, output)


@app.command()
def accuracy(results: Folder, output: Output) -> None:
    """Put what was inferred in a study side by side."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import write_dataset
    from aimcsim.study.accuracy import collect

    write_dataset(collect(Results(str(results))), output)


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
    threads: Annotated[int, typer.Option(help="Cores to draw on.", min=1)] = 1,
) -> None:
    """Write the HTML report."""
    from aimcsim.report.site import build

    build(summary, claims, templates, output, further or (), threads)


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
    evaluations: Annotated[
        int, typer.Option(help="Trials of the optimiser for each loop.", min=4)
    ] = 240,
) -> None:
    """Fit the melt-quench model to the chip's published programming error.

    Whether accepted cells are read again is not published: both loops are fitted, each by itself.
    """
    from tqdm import tqdm

    from aimcsim.chip.devices.melt_quench import MeltQuench
    from aimcsim.common.threads import single_threaded
    from aimcsim.config.load import from_yaml
    from aimcsim.programming.iterative import Iterative
    from aimcsim.validation.fit_device import CONVERTERS, CURVES, fit, judged, published_error

    study, names = from_yaml(config), tuple(unit_cells.split(","))
    if not isinstance(study.device, MeltQuench):
        raise UserError(
            f"{config}: device.model is '{study.device.model}'; only melt_quench can be fitted. "
            "Leave the key out, or give another file."
        )
    method = next(run.settings for run in study.runs() if run.method == study.baseline)
    if not isinstance(method, Iterative):
        raise UserError(
            f"{config}: the published error is that of program-and-verify, and the baseline "
            f"'{study.baseline}' is another method. Give another file."
        )
    unknown = sorted(set(names) - set(CURVES))
    if unknown:
        raise UserError(f"--unit-cells: got '{unknown[0]}'; choose from {', '.join(CURVES)}.")
    expected = ", ".join(f"{name} {published_error(name):.1f}" for name in CURVES)
    typer.echo(f"# published MVM error at t0, percent: {expected}")

    def tell(about: str, found) -> None:
        for name in CURVES:
            typer.echo(
                f"# {about}, {name}: root-mean-square distance {100 * found.distance[name]:.1f} % "
                f"over 0.1 to 1 of g_max, MVM error at t0 {found.error[name]:.1f} %"
            )

    with single_threaded(), tqdm(total=2 * evaluations, unit="trial") as bar:
        for reverify in (True, False):
            loop = method.model_copy(update={"reverify": reverify})
            name = f"reverify {str(reverify).lower()}"
            tell(f"{name}, as configured", judged(study.device, study.periphery, loop, {}))
            found = fit(study.device, study.periphery, loop, names, evaluations, bar.update)
            tell(f"{name}, fitted", found)
            values = {name: f"{value:.4g}" for name, value in found.values.items()}
            for section in ("device", "periphery"):
                of_section = (
                    f"{name}: {value}"
                    for name, value in values.items()
                    if (name in CONVERTERS) == (section == "periphery")
                )
                typer.echo(f"{section}: {{{', '.join(of_section)}}}")


def _show_weights(study) -> None:
    """Every matrix of a study, and every array of its files that is left out; then warnings."""
    from aimcsim.weights.dataset import build
    from aimcsim.weights.listing import describe
    from aimcsim.weights.registry import WEIGHTS

    warnings = []
    for name, definition in study.weights.items():
        if definition.kind not in WEIGHTS.packaged() and not definition.files():
            typer.echo(f"weights.{name}: made by {definition.kind} when the study runs")
            continue
        dataset = build(name, definition, study.seed)
        lines, own = describe(name, definition, dataset, study.core.rows, study.core.columns)
        typer.echo("\n".join(lines))
        warnings += own
    for text in warnings:
        typer.echo(f"warning: {text}", err=True)


def _section(model, text: str, option: str):
    """A section of the configuration given as JSON on the command line."""
    from pydantic import ValidationError

    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the text"
        raise UserError(f"{option}: {where}: {first['msg']}.") from None


def _after_t0(times: list[float], statistics: str, option: str) -> None:
    """Check ``times`` of ``option`` against the published statistics that they are for."""
    from aimcsim.physics.state_statistics import BY_NAME

    if statistics not in BY_NAME:
        raise UserError(f"--statistics: got '{statistics}'; choose from {', '.join(BY_NAME)}.")
    t0 = BY_NAME[statistics].t0
    if early := [time for time in times if not time >= t0]:
        raise UserError(
            f"{option}: got {early[0]:g} s; give times from t0 of {statistics} on, {t0:g} s."
        )


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
