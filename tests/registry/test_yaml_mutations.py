"""Shipped task files with random damage: a task or a line that names the file, never more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.errors import UsageError
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry

FILES = sorted(
    (p for p in shipped_tasks().rglob("*.yaml") if not {"lm_eval", "judges"} & set(p.parts)),
    key=lambda p: p.stat().st_size,
)[:20]
JUNK = st.sampled_from(
    ["", " ", "\n", "\n  ", "- ", ": ", "*x", "&x ", "!!python/name:os.system", "{", "}", "[", "|",
     "'", '"', "\x00", "\ufeff", "ß", "null", "-1", "1e999", ".nan", "~", "<<: ", "#", "\t",
     "\ud800"]
)  # fmt: skip
DAMAGE = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), JUNK | st.text(max_size=4)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(FILES), damage=DAMAGE)
def test_a_damaged_file_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, path: Path, damage: list[tuple[float, int, str]]
) -> None:
    text = path.read_text(encoding="utf-8")
    for place, drop, add in damage:
        at = int(place * len(text))
        text = text[:at] + add + text[at + drop :]
    folder = tmp_path_factory.mktemp("damaged")
    inside = folder / path.parent.name
    inside.mkdir()
    (inside / path.name).write_bytes(text.encode("utf-8", "surrogatepass"))
    registry = Registry()
    try:
        registry.add_folder(folder)
        registry.check_suites()
    except UsageError as error:
        line = error.line
    else:
        line = str(inside / path.name)
    assert "\n" not in line
    assert str(inside / path.name) in line
    for task in registry.tasks.values():
        assert len(task.hash) == 64
