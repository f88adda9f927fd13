"""Work that may never end, or end the process that it runs in: C libraries on damaged files."""

import faulthandler
import math
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

WAITING = 20.0
_LONGEST_PAUSE = 0.05  # s between looks at the child
_ENDLESS = "never ends"


def how_it_ends(work: Callable[[], object], seconds: float) -> str | None:
    """Try ``work`` in a child of this process; what it gives or raises does not matter.

    For what only reads: it is done again, for its result, where it has ended here.

    Parameters
    ----------
    work : starts no thread and needs none
    seconds : of processor time, after which it is taken for endless, and ended; waiting, as for a
        slow disk, may take :data:`WAITING` times as long

    Returns
    -------
    None where it ends, else how it does not: "never ends", "ends the process (SIGABRT)". Always
    None where processes are not forked safely: elsewhere than on Linux.
    """
    if sys.platform != "linux":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child has not
        child = os.fork()
    if child == 0:
        with suppress(BaseException):
            limit = math.ceil(seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            faulthandler.disable()
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            work()
        os._exit(0)
    return _watched(child, time.monotonic() + WAITING * seconds)


def _watched(child: int, deadline: float) -> str | None:
    pause = 0.001
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return _ENDLESS
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):  # the latter: of a hard limit
            return _ENDLESS
        return f"ends the process ({signal.Signals(os.WTERMSIG(status)).name})"
    return None
