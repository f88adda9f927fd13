"""Where the files of a study lie: for the rules of the workflow and for the stages that they call.

Names of shards, cases and the like may be wildcards of the workflow, in braces.
"""

from dataclasses import dataclass
from pathlib import Path

MIDDLE = "results/_middle"
"""A folder by whose time Snakemake knows what to make again, see :mod:`aimcsim.sweep.audit`. No
study's name begins with an underscore."""
TRAINING = "results/_training"
TEMPLATES = Path(__file__).parents[1] / "report" / "templates"
"""What pages are made with beside code; here, so that the workflow need not import what draws."""
RECORD, STATES = "-record", "-states"
ERRORS, BUDGET = "-errors", "-budget"
"""Of the two files that one job writes: behind the digest of what they are made from."""


@dataclass(frozen=True)
class Results:
    """The files of one study."""

    folder: str

    @classmethod
    def of(cls, study: str) -> "Results":
        """Those of the study with that name."""
        return cls(f"results/{study}")

    def plan(self, case: str = "") -> str:
        """Configuration and shards of the study, or of a case of its comparisons."""
        return f"{self.folder}/cases/{case}.json" if case else f"{self.folder}/plan.json"

    def summary(self, case: str = "") -> str:
        """Every run of the study, or of a case."""
        return f"{self.folder}/cases/{case}.nc" if case else f"{self.folder}/summary.nc"

    @property
    def kernels(self) -> str:
        """Says that the kernels of its jobs are compiled."""
        return f"{self.folder}/kernels.txt"

    def weights(self, weight_set: str) -> str:
        return f"{self.folder}/weights/{weight_set}.nc"

    def images(self, weight_set: str) -> str:
        """Images of a network."""
        return f"{self.folder}/images/{weight_set}.nc"

    def network(self, weight_set: str) -> str:
        """A network in software."""
        return f"{self.folder}/networks/{weight_set}.nc"

    def description(self, shard: str) -> str:
        """What a shard is to do."""
        return f"{self.folder}/shards/{shard}.json"

    def record(self, shard: str) -> str:
        """How its runs went."""
        return f"{self.folder}/shards/{shard}.nc"

    def states(self, shard: str) -> str:
        """Its programmed conductances."""
        return f"{self.folder}/states/{shard}.nc"

    def evaluated(self, judging: str, shard: str) -> str:
        """Errors of its cores, judged in the way called ``judging``."""
        return f"{self.folder}/evaluated/{judging}/{shard}.nc"

    def budget(self, judging: str, shard: str) -> str:
        """Error budget of its cores."""
        return f"{self.folder}/error_budget/{judging}/{shard}.nc"

    def inferred(self, inferring: str, shard: str, name: str) -> str:
        """What a network on its cores answers, inferred in the way called ``inferring``."""
        return f"{self.folder}/inferred/{inferring}/{shard}/{name}.nc"

    @property
    def comparison(self) -> str:
        return f"{self.folder}/comparison.nc"

    @property
    def accuracy(self) -> str:
        return f"{self.folder}/accuracy.nc"

    @property
    def claims(self) -> str:
        return f"{self.folder}/claims.json"

    def log(self, name: str) -> str:
        return f"{self.folder}/logs/{name}.log"

    def benchmark(self, name: str) -> str:
        """Time and memory of a job."""
        return f"{self.folder}/benchmarks/{name}.tsv"


FRONT = "reports/index.html"
"""The page over all studies that have a report."""


def report(study: str) -> str:
    """First page of the report of a study."""
    return f"reports/{study}/index.html"


def laws(seed: int) -> str:
    """The laws against what is published; all studies of a seed share them."""
    return f"results/_seed_{seed}/laws.nc"


def trained(schedule: str) -> str:
    """A network trained by a schedule."""
    return f"{TRAINING}/{schedule}.nc"
