"""Where the defaults of options come from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from evalsuite.doctor.finding import Finding
from evalsuite.project.file import NAME, ProjectFile
from evalsuite.project.settings import SETTINGS, given, unknown_variables


def project_findings(
    project: ProjectFile | None, environment: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """A line for each setting that is not the default, and for each unknown variable.

    Args:
        project: The project file, if there is one.
        environment: Goes before it.
    """
    found = given(environment, project)
    where = f"{project.path}" if project else f"no {NAME} here or above"
    rest = [one.key for one in SETTINGS if one.key not in found]
    default = f"; default: {', '.join(rest)}" if rest else ""
    yield Finding(check="settings", state="ok", text=f"{where}{default}")
    for key, one in found.items():
        value = one.value if isinstance(one.value, str) else ", ".join(one.value)
        yield Finding(check="settings", state="ok", text=f"{key} = {value} ({one.source})")
    for name, hint in unknown_variables(environment):
        yield Finding(
            check="settings", state="warn", text=f"{name} is set and nothing reads it", fix=hint
        )
