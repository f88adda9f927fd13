"""Which process something is of, and whether that still runs.

By boot and by ticks since boot, which no setting of the clock changes; a number that another
process has taken over is told apart.
"""

import hashlib
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Identity:
    """A process, as it can stand in the name of a file."""

    machine: str
    boot: str
    namespace: str
    """Of process numbers: containers of one machine have their own."""
    pid: int
    started: int
    """Ticks since boot."""

    @property
    def text(self) -> str:
        return f"{self.machine}-{self.boot}-{self.namespace}-{self.pid}-{self.started}"

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """The process with that :attr:`text`; raises ValueError."""
        machine, boot, namespace, pid, started = text.split("-")
        return cls(machine, boot, namespace, int(pid), int(started))

    @property
    def of_this_boot(self) -> bool:
        """Whether it was started since this machine was, be it in another container."""
        return self.boot == _place()[1]

    @property
    def runs(self) -> bool | None:
        """Whether it runs; None: that cannot be told from here."""
        machine, _, namespace = _place()
        if self.of_this_boot:
            same = self.namespace == namespace
            return _started(self.pid) == self.started if same else None
        return False if self.machine == machine else None


def this_process() -> Identity:
    """The process that asks."""
    pid = os.getpid()
    started = _started(pid)
    assert started is not None
    return Identity(*_place(), pid, started)


@cache
def _place() -> tuple[str, str, str]:
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    else:
        boot, namespace = f"{psutil.boot_time():.0f}", ""
    return _short(platform.node()), _short(boot), _short(namespace)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _started(pid: int) -> int | None:
    """Ticks since boot at which a process started; None: there is none of that number."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return None if dead else round(1000 * process.create_time())
    except psutil.NoSuchProcess:
        return None
