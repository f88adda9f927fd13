"""The ``aimcsim`` command line: what the workflow's rules call, one stage each.

Stages are imported inside their commands, so that a job pays for its own stage alone.
"""

import contextlib
import gc
import io
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
MadeFrom = Annotated[
    str, typer.Option(help="Digest of all that the file is made from, for the seal beside it.")
]
Contents = Annotated[
    str, typer.Option(help="Digest of what its files should hold; empty: whatever they do.")
]
Statistics = Annotated[str, typer.Option(help="Published statistics of drift and read noise.")]


WIDTHS = (16, 20, 12, 12, 14, 14, 14, 8)  # characters of the columns that `compare` prints


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
        from aimcsim.common.storage import writing

        with writing(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            sys.stderr = log.open("w", encoding="utf-8", buffering=1)


@app.command()
def check(
    config: Annotated[
        list[Path],
        typer.Argument(help="Configuration files (YAML), merged as Snakemake does --configfile."),
    ],
) -> None:
    """Check a configuration and say how many runs it asks for."""
    from aimcsim.common.paths import Results
    from aimcsim.config.load import cases, from_yaml
    from aimcsim.config.sample import sample
    from aimcsim.sweep.expected import expected
    from aimcsim.sweep.resolve import settled, settled_backend, warned
    from aimcsim.weights.check import check_files

    study = from_yaml(*config)
    parts = [study, *(case.config for case in cases(study))]
    backend = {"backend": settled_backend(parts)}
    settled_parts = [
        one.model_copy(update={"execution": one.execution.model_copy(update=backend)})
        for one in map(settled, parts)
    ]
    check_files(study.weights)
    runs = study.runs()
    counts = [sum(run.method == name for run in runs) for name in study.methods]
    methods = ", ".join(
        f"{name} ({count} setting{'s' if count > 1 else ''})"
        for name, count in zip(study.methods, counts, strict=True)
    )
    typer.echo(
        f"{', '.join(map(str, config))}: valid. Study '{study.study}': {len(study.weights)} weight "
        f"sets x {study.cores} chips x {len(runs)} settings of methods = "
        f"{len(study.weights) * study.cores * len(runs)} programming runs.\nMethods: {methods}.\n"
        f"{sample(study)}"
    )
    tiles = _show_weights(study)
    costs = expected(settled_parts, tiles)
    typer.echo(costs.told())
    costs.require_room(Path(Results.of(study.study).folder))
    for text in warned(study):
        typer.echo(f"warning: {text}", err=True)


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
    name: Name,
    definition: Definition,
    output: Output,
    seed: Seed = 1,
    contents: Contents = "",
    made_from: MadeFrom = "",
) -> None:
    """Draw, train or read the matrices of a weight set."""
    from aimcsim.common.contents import contents_of
    from aimcsim.common.storage import write_dataset
    from aimcsim.weights.dataset import build
    from aimcsim.weights.registry import weight_set

    section = weight_set(json.loads(definition))
    built = build(name, section, seed)
    _require_unchanged(name, contents, contents_of(section.files()))
    write_dataset(built, output, made_from=made_from)


@app.command()
def kernels(results: Folder, output: Output, made_from: MadeFrom = "") -> None:
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
    write_text(output, f"{said}\n", made_from)


@app.command()
def program(
    shard: Annotated[Path, typer.Argument(help="Shard description (JSON).")],
    weights: Weights,
    record: Annotated[Path, typer.Option(help="Record to write: status, errors, ledger.")],
    states: Annotated[Path, typer.Option(help="Programmed conductances to write.")],
    made_from: MadeFrom = "",
) -> None:
    """Program the cores of one shard."""
    from tqdm import tqdm

    from aimcsim.common.paths import RECORD, STATES
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
    write_dataset(conductances, states, compress=False, made_from=made_from + STATES)
    write_dataset(done, record, made_from=made_from + RECORD)


@app.command()
def evaluate(
    states: States,
    weights: Weights,
    output: Output,
    budget: Annotated[Path, typer.Option(help="Error budget to write.")],
    settings: Annotated[
        str, typer.Option(help="Section 'evaluation' of the configuration, as JSON.")
    ] = "{}",
    made_from: MadeFrom = "",
) -> None:
    """Judge programmed cores on fresh inputs, and give their error budget."""
    from aimcsim.common.paths import BUDGET, ERRORS
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.evaluation.settings import Evaluation
    from aimcsim.evaluation.shard import evaluate as judged

    how = _section(Evaluation, settings, "--settings")
    with single_threaded():
        found = judged(read_dataset(states), read_dataset(weights), how)
    write_dataset(found.errors, output, made_from=made_from + ERRORS)
    write_dataset(found.budget, budget, made_from=made_from + BUDGET)


@app.command()
def aggregate(
    results: Folder,
    output: Output,
    case: Annotated[str, typer.Option(help="Case of a comparison; empty: the study.")] = "",
    made_from: MadeFrom = "",
) -> None:
    """Merge the shards of a study, or of a case, into one summary."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import write_dataset
    from aimcsim.sweep.aggregate import summarise

    write_dataset(summarise(Results(str(results)), case), output, made_from=made_from)


@app.command()
def cases(results: Folder, output: Output, made_from: MadeFrom = "") -> None:
    """Put the cases of a study's comparisons side by side."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.config.load import cases as cases_of
    from aimcsim.study.comparison import compare as join
    from aimcsim.sweep.plan import Plan

    files = Results(str(results))
    study = Plan.read(files.plan()).config
    labels = [case.label for case in cases_of(study)]
    summaries = {label: read_dataset(Path(files.summary(label))) for label in labels}
    write_dataset(join(study, summaries), output, made_from=made_from)


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
    made_from: MadeFrom = "",
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
    write_text(output, json.dumps(computed, indent=2, allow_nan=False) + "\n", made_from)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="Summary of a study (netCDF).")],
    second: Annotated[Path, typer.Argument(help="Summary of another, or of the same, later.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write (CSV).")
    ] = None,
) -> None:
    """Compare two studies: configuration, sources, and the error of every method they share."""
    from aimcsim.common.storage import read_dataset, write_text
    from aimcsim.study.difference import changes, results, same_chips, table
    from aimcsim.study.measures import check as complete

    studies = [read_dataset(path) for path in (first, second)]
    for study in studies:
        complete(study)
    found = changes(*studies)
    typer.echo(f"{len(found)} keys differ." if found else "No key differs.")
    for change in found:
        typer.echo(f"  {change.key}: {change.first} -> {change.second}")
    same = same_chips(*studies)
    typer.echo(
        "The chips are the same: errors are paired."
        if same
        else "The chips are others: errors are not paired."
    )
    rows = results(*studies)
    if not rows:
        raise UserError(f"{first} and {second} share no method on a weight set.")
    lines = table(rows)
    for line in lines:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, WIDTHS, strict=True)))
    if output:
        write_text(output, "".join(",".join(line) + "\n" for line in lines))


@app.command()
def recommend(
    summary: Annotated[Path, typer.Argument(help="Summary of a study (netCDF).")],
    time: Annotated[
        float | None, typer.Option(help="Longest programming time of a weight set, ms.", min=0)
    ] = None,
    energy: Annotated[
        float | None, typer.Option(help="Largest programming energy of a weight set, mJ.", min=0)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Configuration to write, for a study.")
    ] = None,
) -> None:
    """Say which method and setting to use, what to expect of it and what it tolerates."""
    from aimcsim.common.storage import read_dataset, write_text
    from aimcsim.study.fronts import Quantity
    from aimcsim.study.recommend import recommend as chosen

    given: dict[Quantity, float | None] = {"time": time, "energy": energy}
    limits = {name: limit / 1e3 for name, limit in given.items() if limit is not None}
    found = chosen(read_dataset(summary), limits)
    for line in found.told():
        typer.echo(line)
    if output:
        write_text(output, found.yaml())
        typer.echo(
            f"wrote {output}; read it beside a configuration of yours: "
            f"snakemake --cores all --configfile mine.yaml {output}"
        )


@app.command()
def images(
    name: Name,
    definition: Definition,
    output: Output,
    seed: Seed = 1,
    test: Annotated[int, typer.Option(help="Test images, at most.", min=1)] = 10_000,
    train: Annotated[int, typer.Option(help="Training images, at most.", min=1)] = 256,
    contents: Contents = "",
    made_from: MadeFrom = "",
) -> None:
    """Read the images of a network."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.weights.registry import weight_set

    network = weight_set(json.loads(definition))
    if not network.judged_by_images:
        raise UserError(f"weights.{name}: it has no images, so there is nothing to read.")
    read = network.read_images(seed, test, train)
    _require_unchanged(name, contents, network.image_identity())
    write_dataset(read, output, compress=False, made_from=made_from)


@app.command()
def software(
    shard: Annotated[Path, typer.Argument(help="Description of one of its shards (JSON).")],
    weights: Weights,
    images: Images,
    output: Output,
    calibration: Calibrating = 256,
    made_from: MadeFrom = "",
) -> None:
    """Judge a network in software and behind ideal converters; lay it out on cores."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.networks.judge import software as judged
    from aimcsim.shards.spec import ShardSpec

    spec, pictures = ShardSpec.read(shard), read_dataset(images)
    with single_threaded(), _bar(2 * pictures.sizes["test_image"], "image") as bar:
        data = judged(spec, read_dataset(weights), pictures, calibration, bar.update)
    write_dataset(data, output, made_from=made_from)


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
        str, typer.Option(help="Compensations of drift, with commas between.")
    ] = "tile,none",
    made_from: MadeFrom = "",
) -> None:
    """Judge a network on programmed chips by its test images."""
    from aimcsim.common.storage import read_dataset, write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.networks.evaluation_time import EvaluationTime
    from aimcsim.networks.judge import COMPENSATIONS, How, judge
    from aimcsim.shards.spec import ShardSpec

    at = [EvaluationTime.parse(label, adc_bits) for label in times.split(",")]
    _after_t0([one.time for one in at if one.time is not None], statistics, "--times")
    kinds = tuple(compensation.split(","))
    if unknown := sorted(set(kinds) - set(COMPENSATIONS)):
        raise UserError(
            f"--compensation: got '{unknown[0]}'; choose from {', '.join(COMPENSATIONS)}."
        )
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
    write_dataset(data, output, made_from=made_from)


@app.command()
def accuracy(results: Folder, output: Output, made_from: MadeFrom = "") -> None:
    """Put what was inferred in a study side by side."""
    from aimcsim.common.paths import Results
    from aimcsim.common.storage import write_dataset
    from aimcsim.study.accuracy import collect

    write_dataset(collect(Results(str(results))), output, made_from=made_from)


@app.command()
def laws(
    output: Output,
    seed: Annotated[int, typer.Option(help="Seed of the study.")] = 1,
    made_from: MadeFrom = "",
) -> None:
    """Simulate the laws of devices and wires, and hold them against what is published."""
    from aimcsim.common.storage import write_dataset
    from aimcsim.common.threads import single_threaded
    from aimcsim.validation.dataset import build

    with single_threaded():
        dataset = build(seed)
    write_dataset(dataset, output, made_from=made_from)


@app.command()
def report(
    summary: Annotated[Path, typer.Argument(help="Summary of a study (netCDF).")],
    claims: Annotated[Path, typer.Argument(help="Claims of the study (JSON).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    further: Annotated[
        list[Path] | None, typer.Option(help="Another dataset of the study, for its own page.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Cores to draw on.", min=1)] = 1,
    front: Annotated[
        Path | None, typer.Option(help="Page over all studies to write again: ../index.html.")
    ] = None,
    made_from: MadeFrom = "",
) -> None:
    """Write the HTML report."""
    from aimcsim.common.paths import TEMPLATES
    from aimcsim.common.storage import writing
    from aimcsim.report.site import build

    with writing(output):
        build(summary, claims, TEMPLATES, output, further or (), threads, front, made_from)


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
    made_from: MadeFrom = "",
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

    trained = dataset(chosen, data.digest, run(chosen, data, checkpoint, say))
    write_dataset(trained, output, made_from=made_from)


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


def _show_weights(study) -> dict[str, list[tuple[int, int]]]:
    """Every matrix of a study, and every array of its files that is left out; then warnings.

    Returns the sizes (rows, columns) of the tiles of each weight set.
    """
    from aimcsim.shards.groups import cut_into
    from aimcsim.weights.dataset import build
    from aimcsim.weights.listing import describe
    from aimcsim.weights.registry import WEIGHTS

    warnings, tiles = [], {}
    for name, definition in study.weights.items():
        if definition.kind not in WEIGHTS.packaged() and not definition.files():
            typer.echo(f"weights.{name}: made by {definition.kind} when the study runs")
            continue
        dataset = build(name, definition, study.seed)
        lines, own = describe(name, definition, dataset, study.core.rows, study.core.columns)
        typer.echo("\n".join(lines))
        warnings += own
        held = cut_into(dataset, study.core.rows, study.core.columns)
        tiles[name] = [(tile.rows, tile.columns) for tile in held.tiles]
    for text in warnings:
        typer.echo(f"warning: {text}", err=True)
    return tiles


def _section(model, text: str, option: str):
    """A section of the configuration given as JSON on the command line."""
    from aimcsim.common.words import checked

    try:
        content = json.loads(text)
    except ValueError:
        raise UserError(f"{option}: got '{text[:60]}', which is not JSON. Correct it.") from None
    return checked(model, content, option)


def _require_unchanged(name: str, wanted: str, found: str) -> None:
    """Check that files hold what they held when the workflow was started."""
    if wanted not in ("", found):
        raise UserError(
            f"weights.{name}: its files have changed since the workflow was started. Run it again."
        )


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
    # The encoding of the user's terminal may lack a character of a message.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
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
    except Exception as error:
        from aimcsim.common.storage import refusal

        disk = isinstance(error, OSError) and refusal(error, error.filename or "a file")
        _show(f"aimcsim: error: {disk}" if disk else traceback.format_exc())
        sys.exit(2 if disk else 1)


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
        with contextlib.suppress(OSError):  # of a disk that is full
            print(message, file=sys.stderr)


if __name__ == "__main__":
    main()
