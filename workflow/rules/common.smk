"""What every stage needs: the checked study, its plan of shards, where things lie."""

import os
import re
import sys

from aimcsim.common import provenance
from aimcsim.config.load import from_mapping
from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_if_changed
from aimcsim.sweep import recovery
from aimcsim.sweep.moments import inferring, judged_networks, moment_of, moments
from aimcsim.sweep.study import memory_mb, plan_study
from aimcsim.weights.check import check_files

# `.venv/bin/snakemake` works without activating the environment: jobs find `aimcsim` beside it.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), os.getenv("PATH", "")])
)


def checked(make):
    """A user's mistake stops Snakemake with its one message, not with a traceback."""
    try:
        return make()
    except UserError as error:
        sys.stderr.write(f"aimcsim: error: {error}\n")
        sys.exit(2)


ORIGIN = ", ".join(
    map(os.path.relpath, workflow.overwrite_configfiles or ["config/default.yaml"])
)
STUDY = checked(lambda: from_mapping(config, ORIGIN))
RESULTS = f"results/{STUDY.study}"
checked(lambda: check_files(STUDY.weights, RESULTS))
# The study itself and the cases of its comparisons, by case; "" is the study.
PARTS = {
    part.case: part
    for part in checked(
        lambda: plan_study(
            STUDY,
            RESULTS,
            workflow.overwrite_configfiles,
            workflow.config_settings.config,
            again=not workflow.is_main_process,
        )
    )
}
CASES = [case for case in PARTS if case]
SHARDS = {shard.name: shard for part in PARTS.values() for shard in part.shards}
EVALUATION = {part.judging: part.config.evaluation for part in PARTS.values()}
SUMMARY = f"{RESULTS}/summary.nc"
COMPARISON = [f"{RESULTS}/comparison.nc"] if CASES else []
ACCURACY = [f"{RESULTS}/accuracy.nc"] if judged_networks(STUDY) else []
CLAIMS = f"{RESULTS}/claims.json"
REPORT = f"reports/{STUDY.study}/index.html"

# Killed at any moment, the plain command goes on.
if recovery.recover_from_kill():
    logger.warning(
        "An earlier run was killed: its lock is released, its last jobs run again."
    )


onstart:
    recovery.note_owner()


wildcard_constraints:
    weight_set="|".join(STUDY.weights),
    shard="|".join(SHARDS),
    judging="|".join(EVALUATION),
    case="|".join(map(re.escape, CASES)) or "none",
    core=r"\d+",


def sources(module):
    """The list of source files that a stage executes, with their digests, as input.

    An edited law changes the list of what it feeds, and reruns that. One small file in place of the
    sources themselves: Snakemake looks at every input of every waiting job about once a second.
    It is written when the workflow is read, dry runs included, and only where the list differs; a
    job that a cluster starts reads the workflow again, but the list stays that of the whole run.
    """
    path = f"results/_sources/{module}.sha256"
    if workflow.is_main_process or not os.path.isfile(path):
        write_if_changed(path, provenance.source_list(module))
    return path


def kept(path):
    """Programmed states stay for later evaluations, unless the study says otherwise."""
    return path if STUDY.execution.keep_conductances else temp(path)


def records(case):
    """What the aggregation of a part of the study reads, besides its plan."""
    part = PARTS[case]
    names = [shard.name for shard in part.shards]
    return {
        "weights": [f"{RESULTS}/weights/{name}.nc" for name in part.config.weights],
        "records": [f"{RESULTS}/shards/{name}.nc" for name in names],
        "evaluated": [
            f"{RESULTS}/evaluated/{part.judging}/{name}.nc" for name in names
        ],
    }


def judged_by(wildcards):
    """How a shard is judged, as options of the command line."""
    settings = EVALUATION[wildcards.judging]
    options = [f"--inputs {settings.inputs}", f"--statistics {settings.statistics}"]
    if settings.adc_bits:
        options.append(f"--adc-bits {settings.adc_bits}")
    if settings.times:
        options.append(f"--times {','.join(map(repr, settings.times))}")
    return " ".join(options)


def split_files():
    """Errors by effect that the summary takes in: of the study itself, not of its cases."""
    part = PARTS[""]
    shards = part.shards if STUDY.evaluation.split else []
    return [f"{RESULTS}/split/{part.judging}/{shard.name}.nc" for shard in shards]
