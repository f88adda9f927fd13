"""Faults, injected into a finished study or a running one, and what the plain command makes of it.

The outcome of a fault is

right           the results are those of an undisturbed run
made anew       they are, and the file that failed was named
refused         one message, of a fault of the user's own files or disk; nothing was lost
WRONG           the results are others, without a word
LOST            a file is missing, or the plain command does not go on
HANG            it does not end
TRACEBACK       it shows one
MANUAL OPTION   it asks for one
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aimcsim.common.seals import SUFFIX
from tests.faults import study
from tests.workflow.conftest import Project

GOOD = ("right", "made anew", "refused")
BAD = ("WRONG", "LOST", "HANG", "TRACEBACK", "MANUAL OPTION")
PATIENCE = 900.0
"""Seconds after which a command hangs, on a machine that is busy with other work."""
KINDS = {
    "weights": "results/{study}/weights/*.nc",
    "images": "results/{study}/images/*.nc",
    "network in software": "results/{study}/networks/*.nc",
    "record": "results/{study}/shards/*.nc",
    "states": "results/{study}/states/*.nc",
    "evaluated": "results/{study}/evaluated/*/*.nc",
    "error budget": "results/{study}/error_budget/*/*.nc",
    "inferred": "results/{study}/inferred/*/*/*.nc",
    "summary": "results/{study}/summary.nc",
    "accuracy": "results/{study}/accuracy.nc",
    "claims": "results/{study}/claims.json",
    "kernels": "results/{study}/kernels.txt",
    "laws": "results/_seed_1/laws.nc",
    "page": "reports/{study}/*.html",
    "figure": "reports/{study}/figures/*.svg",
    "data of the report": "reports/{study}/data/*.nc",
    "seal": "results/{study}/*/*.sha256",
    "plan": "results/{study}/plan.json",
    "description": "results/{study}/shards/*.json",
    "record of Snakemake": ".snakemake/metadata/*",
}
"""Files that the pipeline writes and reads, by kind."""


@dataclass
class Fault:
    """One fault and its outcome."""

    what: str
    path: str
    outcome: str = ""

    def __str__(self) -> str:
        return f"{self.outcome:13}  {self.what:12}  {self.path}"


@dataclass
class Bench:
    """A project in which the study has run undisturbed, and what it left then."""

    path: Path
    random: random.Random
    name: str = study.NAME
    config: str = study.CONFIG
    faults: list[Fault] = field(default_factory=list)
    said: str = ""
    """By the last command."""

    def __post_init__(self) -> None:
        self.backup = self.path.with_name(f"{self.path.name}.backup")
        self.kinds = {kind: text.format(study=self.name) for kind, text in KINDS.items()}
        names = ("summary.nc", "accuracy.nc", "claims.json")
        self.compared = [
            *(f"results/{self.name}/{name}" for name in names),
            f"reports/{self.name}/index.html",
            f"reports/{self.name}/cost.html",
        ]  # what runs have in common that cut the work differently
        if not self.backup.exists():
            if not (self.path / self.compared[0]).exists():
                if not (self.path / "inputs").exists():
                    study.write(self.path / "inputs")
                done = self.run()
                assert done == 0, self.said
            shutil.copytree(self.path, self.backup, symlinks=True)
        self.wanted = self.digests()

    # Commands

    def start(self, *arguments: str, limit: int = 0) -> subprocess.Popen:
        """Start the plain command, in a group of its own as a shell does.

        ``limit``: bytes of the largest file that may be written; 0: any.
        """

        def limited() -> None:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        project = Project(self.path)
        return subprocess.Popen(
            project.command("--configfile", self.config, *arguments),
            cwd=self.path,
            env=project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=limited if limit else None,
        )

    def end(self, process: subprocess.Popen) -> int | None:
        """Exit code of a command that was started; None: it hangs."""
        try:
            self.said, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.said, _ = process.communicate()
            return None
        return process.returncode

    def run(self, *arguments: str, limit: int = 0) -> int | None:
        """Run the plain command to its end."""
        return self.end(self.start(*arguments, limit=limit))

    def restore(self) -> None:
        """All as after the undisturbed run."""
        shutil.rmtree(self.path)
        shutil.copytree(self.backup, self.path, symlinks=True)

    def digests(self) -> dict[str, str]:
        """What the files hold that the study consists of."""
        return {
            str(path.relative_to(self.path)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("results", "reports")
            for path in sorted((self.path / folder).rglob("*"))
            if path.is_file() and not {"logs", "benchmarks"} & set(path.parts)
            and path.suffix != ".log"
        }  # fmt: skip

    # Outcomes

    def failure(self, code: int | None, allowed: bool = False) -> str:
        """Why the last command is bad as such; empty: it is not. ``allowed``: it may refuse."""
        if code is None:
            return "HANG"
        if "Traceback (most recent call last)" in self.said:
            return "TRACEBACK"
        if code and ("--rerun-incomplete" in self.said or "--unlock" in self.said):
            return "MANUAL OPTION"
        if code and not (allowed and self.said.count("aimcsim: error:") == 1):
            return "LOST"
        return ""

    def judge(self, faults: Sequence[Fault], code: int | None) -> None:
        """Give an outcome to faults of what the pipeline has written, after the plain command."""
        failure, found = self.failure(code), self.digests()
        others = [path for path in self.wanted if found.get(path) != self.wanted[path]]
        for fault in faults:
            if failure:
                fault.outcome = failure
            elif fault.path in self.wanted and fault.path not in found:
                fault.outcome = "LOST"
            elif others:
                fault.outcome = "WRONG"
            else:
                name = fault.path.removesuffix(SUFFIX)
                page = self.compared[3]
                named = f"{page if name.startswith('reports') else name}: damaged" in self.said
                fault.outcome = "made anew" if named else "right"
        self.conclude(faults)

    def conclude(self, faults: Sequence[Fault]) -> None:
        """File faults; where one of them is bad, say so, and go on from the undisturbed state."""
        self.faults += faults
        if any(fault.outcome in BAD for fault in faults):
            sys.stderr.write("\n".join([*map(str, faults), self.said[-4000:], ""]))
            self.restore()

    # Faults of files that the pipeline has written

    def files(self, kind: str) -> list[Path]:
        return sorted(self.path.glob(self.kinds[kind]))

    def damage(self, kinds: Sequence[str], ways: Sequence[str]) -> None:
        """Damage one file of each of ``kinds`` in a way of ``ways``, all before one command."""
        faults = []
        for kind in kinds:
            path = self.random.choice(self.files(kind))
            what = self.random.choice(ways)
            if WAYS[what](self, path):
                faults.append(Fault(what, str(path.relative_to(self.path))))
        self.judge(faults, self.run())

    def flip(self, path: Path) -> bool:
        """One bit, anywhere."""
        content = bytearray(path.read_bytes())
        if not content:
            return False
        content[self.random.randrange(len(content))] ^= 1 << self.random.randrange(8)
        path.write_bytes(content)
        return True

    def cut(self, path: Path) -> bool:
        """A part of it, as a crash of the machine leaves it."""
        content = path.read_bytes()
        path.write_bytes(content[: self.random.randrange(max(1, len(content)))])
        return bool(content)

    def empty(self, path: Path) -> bool:
        path.write_bytes(b"")
        return True

    def swap(self, path: Path) -> bool:
        """A sibling in its place, with or without its seal; its time may be older."""
        siblings = [
            other
            for other in path.parent.glob(f"*{path.suffix}")
            if other != path and other.read_bytes() != path.read_bytes()
        ]
        if not siblings:
            return self.cut(path)
        sibling = self.random.choice(siblings)
        seal = Path(f"{sibling}{SUFFIX}")
        if seal.is_file() and self.random.random() < 0.5:
            shutil.copy2(seal, f"{path}{SUFFIX}")
        shutil.copy2(sibling, path)
        return True

    def older(self, path: Path) -> bool:
        """Damaged, with the time of long ago, or of the future."""
        done = self.flip(path)
        when = self.random.choice([0, 1, 1_600_000_000, 4_000_000_000])
        os.utime(path, (when, when))
        return done

    # Faults of the user's own files

    def touch(self) -> None:
        """Other times for all files, at random, as of a copy or an archive: nothing runs again."""
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                when = time.time() + self.random.uniform(-1e9, 1e8)
                os.utime(path, (when, when))
        code = self.run()
        fault = Fault("times", "every file")
        self.judge([fault], code)
        if fault.outcome == "right" and "Nothing to be done" not in self.said:
            fault.outcome = "WRONG"

    def exchange(self, name: str) -> None:
        """Another version of an input in its place, older; then the first again, older still."""
        inputs, expected = self.path / "inputs", self.of_version(name)
        for version, wanted, when in (
            (1, expected, 1_500_000_000),
            (0, self.wanted, 1_400_000_000),
        ):
            # The reader of models takes no link in place of tensors.
            linked = version and name != "net.onnx.data"
            way = self.random.choice(["older file", "link"]) if linked else "older file"
            fault = Fault(way, f"inputs/{name}")
            study.write(inputs, version, name)
            target = inputs / name
            if way == "link":
                target = inputs / f"elsewhere-{name}"
                (inputs / name).replace(target)
                (inputs / name).symlink_to(target.name)
            os.utime(target, (when, when))
            code = self.run()
            found = self.digests()
            same = all(found.get(path) == wanted[path] for path in self.compared)
            fault.outcome = self.failure(code) or ("right" if same else "WRONG")
            self.conclude([fault])
            if fault.outcome in BAD:
                return
            if (inputs / name).is_symlink():
                (inputs / name).unlink()
        self.restore()  # files that no job has needed since are of the other version

    def of_version(self, name: str) -> dict[str, str]:
        """What a run from nothing makes of another version of an input."""
        folder = self.path.with_name(f"{self.path.name}.{name}")
        if not folder.exists():
            shutil.copytree(self.backup, folder, symlinks=True)
            for part in ("results", "reports", ".snakemake"):
                shutil.rmtree(folder / part)
            study.write(folder / "inputs", 1, name)
        return Bench(folder, self.random).wanted

    def spoil(self, name: str) -> None:
        """Damage an input: it is refused, or taken as what it now says; then the first again."""
        path = self.path / "inputs" / name
        content = path.read_bytes()
        what = self.random.choice(["flip", "cut", "empty"])
        if not WAYS[what](self, path):
            return
        fault = Fault(what, f"inputs/{name}")
        code = self.run()
        fault.outcome = self.failure(code, allowed=True)
        if not fault.outcome:
            fault.outcome = "refused" if code else self.taken(name)
        path.write_bytes(content)
        if fault.outcome not in BAD:
            code, found = self.run(), self.digests()
            kept = all(found.get(path) == self.wanted[path] for path in self.compared)
            fault.outcome = self.failure(code) or (fault.outcome if kept else "LOST")
        self.conclude([fault])

    def taken(self, name: str) -> str:
        """Outcome where a damaged input was taken: right if the results are of what it says."""
        if name != "matrix.npy":
            return "right"
        from aimcsim.common.storage import read_dataset

        weights = read_dataset(self.path / "results" / self.name / "weights" / "matrix.nc")
        said = np.load(self.path / "inputs" / name).astype(np.float32)
        return "right" if np.array_equal(weights["matrix_000"], said) else "WRONG"

    # Faults of processes and disks

    def unfinished(self) -> None:
        """As before the first job: the kernels are compiled, nothing else is done."""
        for part in ("results", "reports", ".snakemake"):
            shutil.rmtree(self.path / part, ignore_errors=True)

    def stop(self, times: int, span: float) -> None:
        """Stop a run at random moments within ``span`` seconds, several times; then let it end."""
        self.unfinished()
        faults = []
        for _ in range(times):
            what = self.random.choice(sorted(STOPS))
            process = self.start()
            try:
                process.wait(self.random.uniform(0, span))
            except subprocess.TimeoutExpired:
                STOPS[what](self, process)
            code = self.end(process)
            fault = Fault(what, "the run")
            if code is None:
                fault.outcome = "HANG"
            elif "--rerun-incomplete" in self.said or "--unlock" in self.said:
                fault.outcome = "MANUAL OPTION"
            faults.append(fault)
        code, found = self.run(), self.digests()
        failure = self.failure(code)
        same = all(found.get(path) == self.wanted[path] for path in self.compared)
        for fault in faults:
            fault.outcome = fault.outcome or failure or ("right" if same else "WRONG")
        left = [path for path in self.path.rglob(".*.tmp") if "results" in path.parts]
        if left and not failure:
            faults[-1].outcome = "LOST"
        self.conclude(faults)

    def beside(self) -> None:
        """A second run beside a living one is refused, and disturbs it in nothing."""
        self.unfinished()
        living = self.start()
        deadline = time.monotonic() + PATIENCE
        while not list((self.path / ".snakemake" / "locks").glob("*")):
            assert living.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        code = self.run()
        fault = Fault("second run", "the run")
        said, fault.outcome = self.said, self.failure(code, allowed=True)
        if not fault.outcome and (code == 0 or "is being computed by process" not in said):
            fault.outcome = "WRONG"
        code, found = self.end(living), self.digests()
        same = all(found.get(path) == self.wanted[path] for path in self.compared)
        fault.outcome = fault.outcome or self.failure(code) or ("refused" if same else "WRONG")
        self.conclude([fault])

    def fill(self) -> None:
        """No room for a file of some size; with room, the plain command goes on."""
        self.unfinished()
        fault = Fault("no room", "results")
        limit = self.random.choice([60_000, 80_000, 120_000])
        code = self.run(limit=limit)
        if code is None or "Traceback (most recent call last)" in self.said:
            fault.outcome = "HANG" if code is None else "TRACEBACK"
        elif code and "File too large. " not in self.said:
            fault.outcome = "LOST"
        if not fault.outcome:
            code, found = self.run(), self.digests()
            same = all(found.get(path) == self.wanted[path] for path in self.compared)
            fault.outcome = self.failure(code) or ("refused" if same else "WRONG")
        self.conclude([fault])


WAYS: dict[str, Callable[[Bench, Path], bool]] = {
    "flip": Bench.flip, "cut": Bench.cut, "empty": Bench.empty, "swap": Bench.swap,
    "older": Bench.older,
}  # fmt: skip


def _a_job(bench: Bench, process: subprocess.Popen) -> None:
    """SIGKILL of one process below the run, chosen at random, as by a system short of memory."""
    import psutil

    try:
        below = psutil.Process(process.pid).children(recursive=True)
        if below:
            bench.random.choice(below).kill()
    except psutil.NoSuchProcess:
        pass


def _to_group(number: int) -> Callable[[Bench, subprocess.Popen], None]:
    return lambda _, process: os.killpg(process.pid, number)


def _to_main(number: int) -> Callable[[Bench, subprocess.Popen], None]:
    return lambda _, process: process.send_signal(number)


STOPS: dict[str, Callable[[Bench, subprocess.Popen], None]] = {
    "SIGINT": _to_group(signal.SIGINT),  # as a terminal sends it
    "SIGTERM": _to_main(signal.SIGTERM),
    "SIGKILL": _to_main(signal.SIGKILL),
    "SIGKILL all": _to_group(signal.SIGKILL),
    "SIGKILL job": _a_job,
}


def long_run(bench: Bench, count: int) -> None:
    """At least ``count`` faults of every kind; what they leave is put right by the next command."""
    for step in _steps(bench):
        if len(bench.faults) >= count:
            return
        step()
        print(f"{len(bench.faults)} faults: {table(bench)}", flush=True)


def _steps(bench: Bench) -> Iterator[Callable[[], None]]:
    kinds, ways = list(KINDS), list(WAYS)
    while True:
        for _ in range(3):
            chosen = bench.random.sample(kinds, 8)
            yield lambda chosen=chosen: bench.damage(chosen, ways)
        yield lambda: bench.spoil(bench.random.choice((*study.INPUTS, "net.onnx")))
        yield lambda: bench.exchange(bench.random.choice(study.INPUTS))
        yield bench.touch
        yield lambda: bench.stop(5, 40.0)
        yield bench.fill
        yield bench.beside


def table(bench: Bench) -> str:
    """How many faults had which outcome."""
    counts = Counter(fault.outcome for fault in bench.faults)
    return ", ".join(f"{counts[name]} {name}" for name in (*GOOD, *BAD))
