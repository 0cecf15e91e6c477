"""What each child process of a run sets up before anything else."""

from __future__ import annotations

import logging
import os
import select
import sys
from pathlib import Path
from typing import Final, Literal

from evalsuite.redact import RedactingFormatter, hide_secrets_in_tracebacks

Role = Literal["worker", "harness_process"]
"""What a copy of a warm process does: the name of a module of this folder."""

CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of processor time in each period of so many (cgroup v2); ``max`` for no limit."""


def redirect_output(log: Path) -> None:
    """Send standard output and error, of native code too, to the log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(handle, stream.fileno())
    os.close(handle)


def configure_logging() -> None:
    """Log warnings and uncaught errors to standard error, without secrets."""
    hide_secrets_in_tracebacks()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(RedactingFormatter(logging.BASIC_FORMAT))


def die_with_parent(channel: int) -> None:
    """Ask Linux to end this process when the parent dies, so that no engine is left behind.

    Args:
        channel: Descriptor of a pipe or socket to the parent.
    """
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    # The parent may have died before this request: then the other end of the channel is closed.
    poll = select.poll()
    poll.register(channel, 0)
    if poll.poll(0):
        os._exit(1)


def processors(quota: Path = CPU_QUOTA) -> int:
    """Processors that this process may use: a batch system often gives a job a part of them.

    Args:
        quota: Where Linux says how much of their time a container may use.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    try:
        time, period = quota.read_text(encoding="ascii").split()
        return min(allowed, max(1, round(int(time) / int(period))))
    except (OSError, ValueError):  # no container, or "max": no limit
        return allowed


def use_threads(count: int) -> None:
    """Let the thread pools of libraries have so many threads, those not yet loaded too.

    As ``OMP_NUM_THREADS`` does for a process that has not imported them.
    """
    import threadpoolctl
    import torch

    os.environ["OMP_NUM_THREADS"] = str(count)
    threadpoolctl.threadpool_limits(count)
    torch.set_num_threads(count)


def set_library_environment(
    *, offline: bool, parallel_tokenizers: bool = False, batch_invariant: bool = False
) -> None:
    """Set what libraries read from the environment; before any of them is imported."""
    os.environ.update(
        library_environment(
            offline=offline,
            parallel_tokenizers=parallel_tokenizers,
            batch_invariant=batch_invariant,
        )
    )


def library_environment(
    *, offline: bool, parallel_tokenizers: bool = False, batch_invariant: bool = False
) -> dict[str, str]:
    """What libraries read from the environment.

    Args:
        offline: Whether no library may use the network.
        parallel_tokenizers: Whether tokenizers use all processors. They are for the engine's
            process beside a GPU, which would wait for one thread; a CPU has other work to do.
        batch_invariant: Whether vLLM computes a row the same in any batch. Signatures say so:
            what a person has set in the environment does not decide it.
    """
    tokenizers = "true" if parallel_tokenizers else "false"
    online = {
        "TOKENIZERS_PARALLELISM": os.environ.get("TOKENIZERS_PARALLELISM", tokenizers),
        "VLLM_BATCH_INVARIANT": "1" if batch_invariant else "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
    return online | dict.fromkeys(names if offline else (), "1")
