"""One timed answer in each row of Table 7, phase by phase, and its repetition."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Final

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.engines.transformers.key_values import (
    KeyValues,
    forget_file,
    read_key_values,
    write_key_values,
)
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.kinds.rag.prompts import CACHED, PARTS, Prompts
from evalsuite.kinds.rag.result import TimedCell, measured
from evalsuite.kinds.rag.task import Latency, Method
from evalsuite.stats.medians import Median, median

PHASES: Final = ("embed", "search", "load", "prompt", "prefill", "decode")
"""``embed``: the question; ``search``: exact, over vectors in memory; ``load``: the document's
cache from the disk to the device, and joining caches; ``prompt``: writing and tokenising it;
``prefill``: up to the first new token; ``decode``: the other new tokens."""


@dataclass(frozen=True, slots=True, order=True)
class TimedSetting:
    """One point of the grid: a method at a length of question and document, in tokens."""

    method: Method
    query: int
    document: int

    @property
    def name(self) -> str:
        """As in the authors' result files, with the method: ``doc-cache 1-4000``."""
        return f"{self.method} {self.query}-{self.document}"


@dataclass(frozen=True, slots=True)
class Repetition:
    """One timed answer."""

    cell: TimedSetting
    round: int
    seconds: Mapping[str, float]
    """Phase → seconds."""

    @property
    def total(self) -> float:
        """Seconds of all phases: nothing lies between them."""
        return sum(self.seconds.values())


class Bench:
    """Times answers of one model.

    Args:
        model: The model.
        prompts: Writes its prompts.
        words: Text of which questions and documents of any length are made.
        settings: Lengths, repetitions, bounds.
        folder: For caches, which are read back from there.
    """

    def __init__(
        self, model: UnifiedModel, prompts: Prompts, words: str, settings: Latency, folder: Path
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._settings = settings
        self._folder = folder
        self._word_ids = model.texts.ids(words, bos=False)
        self._texts: dict[int, str] = {}
        rng = np.random.default_rng(0)
        shape = (settings.searched, model.size)
        self._vectors: Vectors = rng.standard_normal(shape, dtype=np.float32)
        self.cache_bytes: dict[int, int] = {}
        """Tokens of a document's cache, format included → bytes of its file."""
        self.from_disk = True
        """Whether the system let files be dropped from its memory before they were read."""

    def text(self, tokens: int) -> str:
        """A text of so many tokens (or a few fewer, where pieces join to other tokens)."""
        if tokens not in self._texts:
            texts = self._model.texts
            kept = tokens
            while True:
                text = texts.text(list(islice(cycle(self._word_ids), kept)))
                if kept == 1 or len(texts.ids(text, bos=False)) <= tokens:
                    break
                kept -= 1
            self._texts[tokens] = text
        return self._texts[tokens]

    def prepare(self, cells: Sequence[TimedSetting]) -> None:
        """Make and store the documents' caches: they exist before a question is asked."""
        for cell in cells:
            for path, ids in self._stored_parts(cell):
                if not path.exists():
                    states = self._model.key_values(ids)
                    write_key_values(states, path)
                    self.cache_bytes[states.tokens] = path.stat().st_size

    def once(self, cell: TimedSetting, number: int) -> Repetition:
        """Answer once.

        Args:
            cell: What to answer.
            number: Of the round.
        """
        model, settings = self._model, self._settings
        query, document = self.text(cell.query), self.text(cell.document)
        named = PARTS.get(cell.method, ()) if cell.method in CACHED else ()
        paths = [path for path, _ in self._stored_parts(cell)]
        for path in paths:
            self.from_disk = forget_file(path) and self.from_disk
        stored = iter(paths)
        own: KeyValues | None = None
        marks = [model.clock()]
        if cell.method != "none":
            ids = model.texts.embedding_ids(query)
            if "query" in named:
                made = model.embed(ids, model.texts.pooled_from)
                vector, own = made.vector[None], made.states
            else:
                vector = model.embed_many([ids], model.texts.pooled_from, lambda _: None)
            marks.append(model.clock())
            (vector @ self._vectors.T).argmax(axis=1)
        else:
            marks.append(marks[-1])
        marks.append(model.clock())
        states: KeyValues | None = None
        for name in named:
            part = own if name == "query" else read_key_values(next(stored), model.device)
            assert part is not None
            states = part if states is None else states + part
        marks.append(model.clock())
        prompt = self._prompts.turn(cell.method, query, document)
        ids = self._prompts.ids(cell.method, prompt)
        marks.append(model.clock())
        made_answer = model.generate(states, ids, settings.new_tokens, stop=False)
        end = model.clock()
        first = [late - early for early, late in pairwise(marks)]
        # What generation itself does not account for (its checks) belongs to the prefill.
        prefill = end - marks[-1] - made_answer.decode
        phases = zip(PHASES, [*first, prefill, made_answer.decode], strict=True)
        return Repetition(cell, number, dict(phases))

    def run(
        self, cells: Sequence[TimedSetting], progress: Callable[[int, int, str], None], seed: int
    ) -> list[Repetition]:
        """Repeat all cells in turn, in a new order each round, until their medians are known.

        The first round warms up and is discarded. Then each cell is measured at least
        ``settings.least`` times, and until the interval of its median is tight or it has been
        measured ``settings.most`` times. Once ``settings.seconds`` are over, only cells that have
        not been measured at all still are.
        """
        settings = self._settings
        started = time.monotonic()
        rng = random.Random(seed)  # noqa: S311 - an order, no secret
        done: dict[TimedSetting, list[Repetition]] = {cell: [] for cell in cells}
        total = len(cells) * (settings.least + 1)
        count = 0
        for number in range(settings.most + 1):
            order = [cell for cell in cells if not self._tight(done[cell])]
            rng.shuffle(order)
            # Once all are measured often enough, what is left is at least this round.
            total = max(total, count + len(order))
            for cell in order:
                over = time.monotonic() - started > settings.seconds
                if over and (number == 0 or done[cell]):
                    continue
                repetition = self.once(cell, number)
                if number:
                    done[cell].append(repetition)
                count += 1
                progress(min(count, total - 1), total, "answers")
        progress(total, total, "answers")
        return [repetition for kept in done.values() for repetition in kept]

    def _tight(self, kept: Sequence[Repetition]) -> bool:
        if len(kept) < self._settings.least:
            return False
        found = median([repetition.total for repetition in kept])
        return found.spread <= self._settings.tolerance

    def _stored_parts(self, cell: TimedSetting) -> list[tuple[Path, tuple[int, ...]]]:
        """Files and tokens of the cached documents of a cell."""
        if cell.method not in CACHED:
            return []
        given = self._prompts.parts(cell.method, self.text(cell.query), self.text(cell.document))
        return [
            (self._folder / f"{name.replace(' ', '-')}-{cell.document}.safetensors", ids)
            for name, ids in given
            if name != "query"
        ]


@dataclass(frozen=True, slots=True)
class Timed:
    """All repetitions of one cell."""

    cell: TimedSetting
    total: Median
    phases: Mapping[str, Median]

    def result(self) -> TimedCell:
        """As a record keeps it; seconds."""
        return TimedCell(
            method=self.cell.method,
            query=self.cell.query,
            document=self.cell.document,
            phases={name: measured(found) for name, found in self.phases.items()},
            **measured(self.total).model_dump(),
        )


def summarise(repetitions: Sequence[Repetition]) -> list[Timed]:
    """Medians of each cell, in the order of the cells' first repetitions."""
    members: dict[TimedSetting, list[Repetition]] = {}
    for repetition in repetitions:
        members.setdefault(repetition.cell, []).append(repetition)
    return [
        Timed(
            cell,
            median([one.total for one in kept]),
            {name: median([one.seconds[name] for one in kept]) for name in PHASES},
        )
        for cell, kept in members.items()
    ]


def saving(
    repetitions: Sequence[Repetition], cell: TimedSetting, baseline: TimedSetting
) -> Median | None:
    """Share of time that a cell takes less than another, over the rounds that have both.

    Of each round: both were measured within minutes of each other.
    """
    by_round = {
        which: {one.round: one.total for one in repetitions if one.cell == which}
        for which in (cell, baseline)
    }
    both = sorted(by_round[cell].keys() & by_round[baseline].keys())
    if not both:
        return None
    return median([1 - by_round[cell][at] / by_round[baseline][at] for at in both])
