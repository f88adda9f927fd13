"""What every stage needs: the checked study, its plan of shards, where things lie."""

import os
import sys

from aimcsim import provenance
from aimcsim.config.load import from_mapping
from aimcsim.errors import UserError
from aimcsim.sweep import recovery
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
SHARDS = checked(
    lambda: plan_study(
        STUDY, RESULTS, workflow.overwrite_configfiles, workflow.config_settings.config
    )
)
SUMMARY = f"{RESULTS}/summary.nc"
CLAIMS = f"{RESULTS}/claims.json"
REPORT = f"reports/{STUDY.study}/index.html"

WEIGHT_SET = {shard.name: shard.weight_set for shard in SHARDS}
MEMORY_MB = {shard.name: memory_mb(shard) for shard in SHARDS}

# Killed at any moment, the plain command goes on.
if recovery.recover_from_kill():
    logger.warning(
        "An earlier run was killed: its lock is released, its last jobs run again."
    )


onstart:
    recovery.note_owner()


wildcard_constraints:
    weight_set="|".join(STUDY.weights),
    shard="|".join(shard.name for shard in SHARDS),


def sources(*modules):
    """Source files that a stage executes, as input: an edited law reruns what it feeds."""
    return [os.path.relpath(path) for path in provenance.sources_of(*modules)]


def kept(path):
    """Programmed states stay for later evaluations, unless the study says otherwise."""
    return path if STUDY.execution.keep_conductances else temp(path)
