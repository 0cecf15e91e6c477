"""Files of AlpacaEval: annotations (JSON, one comparison each) and leaderboards (CSV)."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError
from evalsuite.importers.files import MOST_BYTES, finite, read_bytes, read_list
from evalsuite.importers.foreign import Found, mean_of, read_each, row, task_named
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import NOT_STATED, ImportedScore, ImportedScores
from evalsuite.schema import Origin
from evalsuite.text import plain

METRIC: Final = "win_rate"
CONTROLLED: Final = "length_controlled_winrate"
LEAST, MOST = 1.0, 2.0
"""Preferences: 1 for the reference, 2 for the model, 1.5 for neither."""
DRAW: Final = 0.0
"""What older files have in the place of 1.5."""


def read_alpaca_eval(
    path: Path, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read annotations of one or more models, or a leaderboard.

    The score is the win rate, a fraction; a leaderboard has no samples, and so cannot be compared
    in pairs. A length-controlled win rate is kept beside it. Comparisons without a preference are
    left out of score and samples, as AlpacaEval does, and counted in a warning.

    Args:
        path: ``annotations.json``, or ``leaderboard.csv``.
        name: What to call the model, where the file is about one.
        revision: The model's revision; files state none.

    Raises:
        DataError: If the file is neither, or about several models and ``name`` is given.
    """
    reader = _leaderboard if path.suffix.lower() == ".csv" else _annotations
    return read_each([path], lambda file: reader(file, name, revision))


def _check_name(file: str, name: str | None, models: int) -> None:
    if name is not None and models > 1:
        raise DataError(f"--name fits one model, and {file} is about {models}", "leave it out")


def _annotations(path: Path, name: str | None, revision: str | None) -> Iterator[Found]:
    file = read_list(path)
    groups: dict[tuple[str, str, str], list[tuple[int, Mapping[str, Any]]]] = {}
    for number, entry in enumerate(file.rows):
        if not isinstance(entry.get("generator_2"), str) or "preference" not in entry:
            raise DataError(
                f"{path.name}: entry {number} has no generator_2 and preference",
                "give annotations.json of alpaca_eval",
            )
        keys = ("generator_2", "generator_1", "annotator")
        model, reference, judge = (plain(str(entry.get(key) or "unknown"), 200) for key in keys)
        groups.setdefault((model, reference, judge), []).append((number, entry))
    _check_name(path.name, name, len({model for model, *_ in groups}))
    origin = _origin(path.name, file.sha256, revision)
    for (model, reference, judge), entries in groups.items():
        rows = [_row(path.name, number, entry) for number, entry in entries]
        samples = tuple(sample for sample in rows if sample is not None)
        value = mean_of(samples)
        unknown = len(rows) - len(samples)
        task = f"{judge} against {reference}"
        yield (
            ImportedModel(model=name or model, revision=revision),
            ImportedScore(
                task=task_named("alpaca-eval", task),
                world="generative",
                origin=origin,
                main_metric=METRIC,
                value=value,
                estimator="mean",
                metrics={} if value is None else {METRIC: value},
                n=len(samples),
                details={"annotator": judge, "reference": reference},
                raw={},
                warnings=(f"{unknown} comparisons without a preference",) if unknown else (),
                samples=samples,
            ),
        )


def _row(file: str, number: int, entry: Mapping[str, Any]) -> dict[str, Any] | None:
    preference = finite(entry["preference"])
    if preference is None:
        return None
    if preference != DRAW and not LEAST <= preference <= MOST:
        raise DataError(f"{file}: entry {number} has the preference {preference:g}, not 1 to 2")
    score = 0.5 if preference == DRAW else preference - 1
    texts = {key: entry.get(key) for key in ("instruction", "output_1", "output_2")}
    plain_texts = {key: text if isinstance(text, str) else "" for key, text in texts.items()}
    asked = plain_texts["instruction"]
    # The order of a file is that of its writer; the instruction is the same for every model.
    named = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:16] if asked else number
    return row(
        named,
        score,
        prompt=asked,
        target=plain_texts["output_1"],
        response=plain_texts["output_2"],
    )


def _leaderboard(path: Path, name: str | None, revision: str | None) -> Iterator[Found]:
    raw = read_bytes(path, MOST_BYTES)
    try:
        table = list(csv.reader(raw.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} is not CSV in UTF-8: {error}") from None
    if not table or METRIC not in table[0]:
        raise DataError(
            f"{path.name} has no column {METRIC}", "give leaderboard.csv of alpaca_eval"
        )
    origin = _origin(path.name, hashlib.sha256(raw).hexdigest(), revision)
    _check_name(path.name, name, len(table) - 1)
    names = [column or "model" for column in table[0]]
    task = task_named("alpaca-eval", path.stem)
    for line, cells in enumerate(table[1:], 2):
        if not cells:
            continue
        if len(cells) != len(names):
            raise DataError(f"{path.name}:{line} has {len(cells)} cells, not {len(names)}")
        entry = dict(zip(names, cells, strict=True))
        yield (
            ImportedModel(model=name or plain(cells[0], 200) or "unnamed", revision=revision),
            _of_row(path.name, line, entry, task, origin),
        )


def _of_row(
    file: str, line: int, entry: Mapping[str, str], task: dict[str, Any], origin: Origin
) -> ImportedScore:
    rate, size = _number(entry, METRIC), _number(entry, "n_total")
    if rate is not None and not 0 <= rate <= 100:
        raise DataError(f"{file}:{line}: {METRIC} is {rate:g}, not between 0 and 100")
    controlled, error = _number(entry, CONTROLLED), _number(entry, "standard_error")
    found = {METRIC: rate, CONTROLLED: controlled}
    return ImportedScore(
        task=task,
        world="generative",
        origin=origin,
        main_metric=METRIC,
        value=None if rate is None else rate / 100,
        estimator="other",  # the file has no samples
        metrics={key: value / 100 for key, value in found.items() if value is not None},
        stderr=None if error is None else error / 100,
        n=None if size is None else int(size),
        direction="higher",
        details={"mode": plain(entry.get("mode", ""), 40)},
        raw=dict(entry),
    )


def _number(entry: Mapping[str, str], key: str) -> float | None:
    try:
        return finite(float(entry.get(key, "")))
    except ValueError:
        return None


def _origin(name: str, digest: str, revision: str | None) -> Origin:
    return Origin(
        format="alpaca-eval",
        file=name,
        sha256=digest,
        harness=f"alpaca_eval {NOT_STATED}",
        revision=revision,
    )
