"""What every stage needs: the checked study, its plan of shards, what its files are made from."""

import os
import re
import sys
from pathlib import Path

from aimcsim.common import paths
from aimcsim.common.errors import UserError
from aimcsim.common.storage import remove_leftovers
from aimcsim.config.load import from_yaml
from aimcsim.networks import cifar10
from aimcsim.sweep import recovery
from aimcsim.sweep.audit import examine, mark, renew, set_middle
from aimcsim.sweep.made import Made
from aimcsim.sweep.resolve import warned
from aimcsim.sweep.study import is_planned, memory_mb, plan_study, write_plan
from aimcsim.training.settings import from_yaml as training_settings
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


CHECKOUT = Path(workflow.basedir)


def environment(name):
    """A conda environment; braces in the path of the checkout are no wildcards."""
    path = str(CHECKOUT / "envs" / f"{name}.yaml")
    return path.replace("{", "{{").replace("}", "}}")


ENVIRONMENT, TRAINING_ENVIRONMENT = environment("aimcsim"), environment("train")
# With a config file of one's own, the default study is not merged in: weight sets would pile up.
CONFIG_FILES = workflow.overwrite_configfiles or [CHECKOUT / "config" / "default.yaml"]
STUDY = checked(
    lambda: from_yaml(*CONFIG_FILES, overrides=workflow.config_settings.config)
)
FILES = paths.Results.of(STUDY.study)
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
EVALUATION = {part.judging: part for part in PARTS.values()}
COMPARISON = [FILES.comparison] if CASES else []
REPORT = paths.report(STUDY.study)
MADE = Made(FILES, PARTS, paths.TEMPLATES)
ACCURACY = [FILES.accuracy] if MADE.networks else []
# An input of every rule, the only one whose time counts: see aimcsim/sweep/audit.py.
MIDDLE = paths.MIDDLE


def begin():
    """Before any job: bad files of the user's are named, and damaged ones of the workflow's."""
    dry = workflow.output_settings.dryrun
    if running := recovery.other(STUDY.study):
        if dry and is_planned(PARTS.values(), FILES):
            return {}  # it is looked at, and left alone
        raise UserError(running)
    found = examine(MADE.all())
    trusted = {path for path, distrust in found.items() if distrust is None}
    check_files(
        STUDY.weights,
        [name for name in STUDY.weights if FILES.weights(name) in trusted],
        [name for name in STUDY.weights if FILES.images(name) in trusted],
    )
    if recovery.recover():
        logger.warning("An earlier run was stopped: what it left is cleared.")
    if not dry:
        recovery.note_owner(STUDY.study)
        remove_leftovers(Path(FILES.folder))
    write_plan(PARTS.values(), FILES)
    set_middle(Path(MIDDLE))
    renew(Path(FILES.folder))
    mark(found, logger.warning)
    return found


# Why each file that is there is not to be trusted; None: it is. A job that a cluster starts reads
# the workflow again, and leaves all as the whole run has it.
FOUND = checked(begin) if workflow.is_main_process else {}
# What of it is damaged, and stays after the jobs that read it.
PASSING = set() if STUDY.execution.keep_conductances else set(map(FILES.states, SHARDS))
DAMAGED = [path for path, distrust in FOUND.items() if distrust and path not in PASSING]


def reads(outputs, **files):
    """Inputs of the job that writes ``outputs``: ``files``, a path or several by name.

    Where the outputs are trusted, their inputs bring nothing about: neither by their times nor,
    where one is to be made anew, by that. See aimcsim/sweep/audit.py.
    """
    states = [FOUND[path] for path in outputs if path in FOUND]
    if not states or any(distrust is not None for distrust in states):
        return files

    def flagged(path):
        return before_update(path) if FOUND.get(path) is not None else ancient(path)

    return {
        name: (
            flagged(some) if isinstance(some, str) else [flagged(path) for path in some]
        )
        for name, some in files.items()
    }


def settings_of(schedule):
    """The file of a training's settings: of the working folder, or of those that come with it."""
    places = [Path("config"), CHECKOUT / "config"]
    files = [place / "train" / f"{schedule}.yaml" for place in places]
    return next(filter(os.path.isfile, files), files[0])


def made_by(schedule):
    return MADE.training(training_settings(settings_of(schedule)), cifar10.FOLDER)


def threads_of(wildcards):
    return checked(lambda: training_settings(settings_of(wildcards.schedule))).threads


def trained():
    """What each network that has been trained is to be made from."""
    for path in Path(paths.TRAINING).glob("*.nc"):
        try:
            yield str(path), made_by(path.stem)
        except UserError:  # its settings are gone, or bad: a training by them says so
            pass


if workflow.is_main_process:
    TRAINED = examine(dict(trained()))
    mark(TRAINED, logger.warning)
    FOUND.update(TRAINED)


wildcard_constraints:
    weight_set="|".join(STUDY.weights),
    shard="|".join(SHARDS),
    judging="|".join(EVALUATION),
    case="|".join(map(re.escape, CASES)) or "none",


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
