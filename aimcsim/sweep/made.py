"""What every file of a study is made from, as a digest: settings, code, and what files hold.

No times and no places: a file is what is wanted if its seal (:mod:`aimcsim.common.seals`) says that
it was made from what it would be made from now. A digest covers those of the files that a stage
reads, so that a change of the first reaches the last.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aimcsim.common import paths, provenance
from aimcsim.common.contents import contents_of
from aimcsim.common.paths import BUDGET, ERRORS, RECORD, STATES
from aimcsim.common.seals import is_sealed
from aimcsim.config.models import NOT_SCIENCE, Config
from aimcsim.networks import cifar10
from aimcsim.shards.runs import digest
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.evaluation_times import Job, inference_jobs, inferring, judged_networks
from aimcsim.sweep.plan import sources_of_shard
from aimcsim.sweep.study import Part
from aimcsim.training.settings import Training
from aimcsim.weights.registry import WEIGHTS


class Made:
    """The files of one study and what they are made from.

    Parameters
    ----------
    files, parts : of the study; the parts by case, "" is the study itself
    templates : what the report is made with beside its code
    """

    def __init__(self, files: paths.Results, parts: Mapping[str, Part], templates: Path):
        self.files, self.parts, self._templates = files, parts, templates
        self.study: Config = parts[""].config
        self.shards = {shard.name: shard for part in parts.values() for shard in part.shards}
        self.cases = [case for case in parts if case]
        self.networks = judged_networks(self.study)
        self._known: dict[tuple[Any, ...], str] = {}

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> str:
        """Digest of what ``make`` gives, made once for each ``key``."""
        if key not in self._known:
            self._known[key] = digest([key[0], make()], 32)
        return self._known[key]

    def code(self, *sources: str | Path) -> str:
        """Digest of the source of modules and of a user's files, with all that they import."""
        return self._once(("code", *sources), lambda: provenance.source_digest(*sources))

    def weights(self, name: str) -> str:
        definition = self.study.weights[name]
        return self._once(
            ("weights", name),
            lambda: [
                definition.identity(),
                self.study.seed,
                self.code("aimcsim.weights.dataset", WEIGHTS.source(definition.kind)),
            ],
        )

    def images(self, name: str) -> str:
        """Images of a network."""
        definition, asked = self.study.weights[name], self.study.inference
        return self._once(
            ("images", name),
            lambda: [
                definition.identity(),
                definition.image_identity(),
                self.study.seed,
                [asked.images, asked.calibration],
                self.code(WEIGHTS.source(definition.kind)),
            ],
        )

    def kernels(self) -> str:
        return self.code("aimcsim.kernels.cpu")

    def program(self, shard: ShardSpec) -> str:
        return self._once(
            ("program", shard.name),
            lambda: [
                shard.content,
                self.weights(shard.weight_set),
                self.code(*sources_of_shard(shard.runs, shard.device)),
                contents_of(shard.device.files()),
            ],
        )

    def evaluate(self, part: Part, shard: ShardSpec) -> str:
        return self._once(
            ("evaluate", part.judging, shard.name),
            lambda: [
                part.config.evaluation.model_dump(mode="json", exclude={"error_budget"}),
                self.program(shard),
                self.code("aimcsim.evaluation.shard"),
            ],
        )

    def network(self, name: str) -> str:
        """A network in software."""
        first = next(one for one in self.parts[""].shards if one.weight_set == name)
        return self._once(
            ("network", name),
            lambda: [
                first.kind,
                self.weights(name),
                self.images(name),
                self.study.inference.calibration,
                self.code("aimcsim.networks.judge"),
            ],
        )

    def inferred(self, part: Part, shard: ShardSpec, job: Job) -> str:
        return self._once(
            ("inferred", inferring(part.config), shard.name, job.name),
            lambda: [
                inferring(part.config),
                [job.chips, job.labels],
                self.program(shard),
                self.images(shard.weight_set),
                self.code("aimcsim.networks.judge"),
            ],
        )

    def summary(self, case: str = "") -> str:
        part = self.parts[case]
        return self._once(
            ("summary", case),
            lambda: [
                part.config.model_dump(mode="json", exclude=set(NOT_SCIENCE)),
                part.command,
                [self.evaluate(part, shard) for shard in part.shards],
                self.code("aimcsim.sweep.aggregate"),
            ],
        )

    def comparison(self) -> str:
        return self._once(
            ("comparison",),
            lambda: [self._summaries(), self.code("aimcsim.study.comparison")],
        )

    def accuracy(self) -> str:
        return self._once(
            ("accuracy",),
            lambda: [
                self._summaries(),
                [self.network(name) for name in self.networks],
                [self.inferred(*one) for one in self.inference()],
                self.code("aimcsim.study.accuracy"),
            ],
        )

    def claims(self) -> str:
        modules = provenance.modules_in("aimcsim.study.claims")
        return self._once(("claims",), lambda: [self._judged(), self.code(*modules)])

    def laws(self) -> str:
        return self._once(
            ("laws",), lambda: [self.study.seed, self.code("aimcsim.validation.dataset")]
        )

    def report(self) -> str:
        modules = "aimcsim.report.site", *provenance.modules_in("aimcsim.report.pages")
        templates = sorted(path for path in self._templates.iterdir() if path.is_file())
        return self._once(
            ("report",),
            lambda: [
                self._judged(),
                self.claims(),
                self.laws(),
                [path.name for path in templates],
                contents_of(templates),
                self.code(*modules),
            ],
        )

    @staticmethod
    def training(settings: Training, images: str) -> str:
        """A trained network, on the images of the folder ``images``. Not of the code: an edited
        comment shall not throw away hours."""
        return digest([settings.model_dump(mode="json"), cifar10.identity(Path(images))], 32)

    def _summaries(self) -> list[str]:
        return [self.summary(case) for case in self.parts]

    def _judged(self) -> list[str]:
        """What claims and report are about."""
        return [
            self.summary(),
            self.comparison() if self.cases else "",
            self.accuracy() if self.networks else "",
        ]

    def inference(self) -> Iterator[tuple[Part, ShardSpec, Job]]:
        """Every job that infers."""
        for part in self.parts.values():
            for shard in part.shards:
                for job in inference_jobs(part.config, shard):
                    yield part, shard, job

    def all(self) -> dict[str, str]:
        """Paths of all files of the study with what each is to be made from."""
        files = self.files
        found = {
            **{files.weights(name): self.weights(name) for name in self.study.weights},
            **{files.images(name): self.images(name) for name in self.networks},
            **{files.network(name): self.network(name) for name in self.networks},
            files.kernels: self.kernels(),
            files.claims: self.claims(),
            paths.laws(self.study.seed): self.laws(),
            paths.report(self.study.study): self.report(),
        }
        for name, shard in self.shards.items():
            found[files.record(name)] = self.program(shard) + RECORD
            found[files.states(name)] = self.program(shard) + STATES
        for case, part in self.parts.items():
            found[files.summary(case)] = self.summary(case)
            for shard in part.shards:
                key = self.evaluate(part, shard)
                found[files.evaluated(part.judging, shard.name)] = key + ERRORS
                found[files.budget(part.judging, shard.name)] = key + BUDGET
        for part, shard, job in self.inference():
            path = files.inferred(inferring(part.config), shard.name, job.name)
            found[path] = self.inferred(part, shard, job)
        for name in self.networks:  # what the workflow has downloaded
            source = self.study.weights[name].image_source
            test = cifar10.test_file(Path(source)) if source else None
            if test and is_sealed(test):
                found[str(test)] = cifar10.identity(Path(source or ""))
        if self.cases:
            found[files.comparison] = self.comparison()
        if self.networks:
            found[files.accuracy] = self.accuracy()
        return found
