"""What every stage needs: the checked study, its plan of shards, where things lie."""

import os
import re
import sys

from aimcsim.common import paths, provenance
from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_if_changed
from aimcsim.config.load import from_yaml
from aimcsim.sweep import recovery
from aimcsim.sweep.evaluation_times import judged_networks
from aimcsim.sweep.plan import sources_of_shard
from aimcsim.sweep.resolve import warned
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


# Read again, strictly: Snakemake's own reading keeps the last of two equal keys, and takes 010 for 8.
STUDY = checked(
    lambda: from_yaml(
        *map(os.path.relpath, workflow.configfiles),
        overrides=workflow.config_settings.config,
    )
)
FILES = paths.Results.of(STUDY.study)
checked(lambda: check_files(STUDY.weights, FILES))
# The study itself and the cases of its comparisons, by case; "" is the study.
PARTS = {
    part.case: part
    for part in checked(
        lambda: plan_study(
            STUDY,
            FILES,
            workflow.overwrite_configfiles,
            workflow.config_settings.config,
            again=not workflow.is_main_process,
        )
    )
}
if workflow.is_main_process:
    for text in warned(STUDY):
        logger.warning(f"warning: {text}")
CASES = [case for case in PARTS if case]
SHARDS = {shard.name: shard for part in PARTS.values() for shard in part.shards}
EVALUATION = {part.judging: part.config.evaluation for part in PARTS.values()}
COMPARISON = [FILES.comparison] if CASES else []
ACCURACY = [FILES.accuracy] if judged_networks(STUDY) else []
REPORT = paths.report(STUDY.study)

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


def sources(*sources):
    """What a stage executes, as input: lists of source files with their digests, by module.

    An edited law changes the list of what it feeds, and reruns that. One small file in place of the
    sources themselves: Snakemake looks at every input of every waiting job about once a second.
    It is written when the workflow is read, dry runs included, and only where the list differs; a
    job that a cluster starts reads the workflow again, but the list stays that of the whole run.
    A user's own file is an input itself.
    """
    return [
        _source_list(source) if isinstance(source, str) else str(source)
        for source in sources
    ]


def _source_list(module):
    path = paths.source_list(module)
    if workflow.is_main_process or not path.is_file():
        write_if_changed(path, provenance.source_list(module))
    return str(path)


# Written before any job runs.
PROGRAM_SOURCES = {
    shard.name: sources(*sources_of_shard(shard.runs, shard.device))
    for shard in SHARDS.values()
}


def kept(path):
    """Programmed states stay for later evaluations, unless the study says otherwise."""
    return path if STUDY.execution.keep_conductances else temp(path)


def parts_of(case):
    """What the aggregation of a part of the study reads."""
    part = PARTS[case]
    names = [shard.name for shard in part.shards]
    # Error budgets are of the study itself, not of its cases.
    budgets = names if not case and part.config.evaluation.error_budget else []
    return {
        "plan": FILES.plan(case),
        "records": [FILES.record(name) for name in names],
        "evaluated": [FILES.evaluated(part.judging, name) for name in names],
        "budgets": [FILES.budget(part.judging, name) for name in budgets],
    }
