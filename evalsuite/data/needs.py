"""Which data sets tasks read."""

from __future__ import annotations

from pathlib import Path

from evalsuite.data.mirror import dataset_folder
from evalsuite.schema import Frozen


class Need(Frozen):
    """One data set at one revision, and the tasks that read it."""

    name: str
    """``org/name``."""
    revision: str
    """A commit; ``main`` where neither the task file nor the harness pins one."""
    tasks: tuple[str, ...]

    def held(self, root: Path) -> Path | None:
        """Its folder in a mirror; ``None`` if it is not there."""
        return dataset_folder(root, self.name, self.revision)
