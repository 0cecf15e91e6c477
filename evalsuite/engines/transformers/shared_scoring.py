"""Scoring continuations with transformers so that no token is computed twice.

Texts are arranged as a tree (:mod:`evalsuite.engines.transformers.token_tree`), so nothing needs
padding: a pass is one row, and a mask says which token sees which. Only positions that are asked
about meet the language model's head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from evalsuite.engines.device import DeviceName
from evalsuite.engines.generation import not_finite
from evalsuite.engines.memory import free_after, is_out_of_memory
from evalsuite.engines.protocols import Score, ScoreRequest
from evalsuite.engines.transformers.sharing import FAMILIES
from evalsuite.engines.transformers.token_tree import Branch, ForwardPass, passes, token_tree
from evalsuite.errors import EngineError

ROW_TOKENS: dict[DeviceName, int] = {"cpu": 512, "cuda": 2048}
"""Device → tokens of a pass at most. Halved where memory does not suffice."""

WORTH = 64
"""Tokens that a beginning must spare for a pass of its own."""

LOGIT_ROWS = 128
"""Positions whose log-probabilities over the vocabulary are held at a time."""


class SharedScoring:
    """Scores continuations with a causal language model.

    Args:
        model: Of one of the families of :mod:`evalsuite.engines.transformers.sharing`.
        device: Where it is.
        most: Tokens of a pass at most.
        worth: See :data:`WORTH`; at most ``most``.
    """

    def __init__(self, model: Any, device: DeviceName, most: int, worth: int = WORTH) -> None:
        self._model = model
        self._device = device
        self._most = most
        self._worth = worth

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations, in the order of ``requests``.

        Raises:
            EngineError: If the memory does not suffice, or logits are not finite.
        """
        while True:
            try:
                return _Call(self._model, self._device, requests).run(self._most, self._worth)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                free_after(error)
            if self._most // 2 < self._worth:
                raise EngineError(
                    f"out of memory with {self._most} tokens behind what texts begin with",
                    "lower --max-length, or free memory on the device",
                )
            self._most //= 2


class _Call:
    """What is asked in one call, and what is known of it."""

    def __init__(self, model: Any, device: DeviceName, requests: Sequence[ScoreRequest]) -> None:
        from transformers import DynamicCache

        self._model = model
        self._device = device
        self._requests = requests
        self._cache: Any = DynamicCache()
        counts = [len(request.continuation_ids) for request in requests]
        self._first = [0, *np.cumsum(counts, dtype=int).tolist()]
        """Of each request, the place of its first continuation token in the arrays below."""
        self._own = np.full(self._first[-1], np.nan)
        """Log-probability of each continuation token."""
        self._greedy = np.zeros(self._first[-1], dtype=bool)
        """Whether it is the most likely one."""
        self._asked: dict[Branch, list[tuple[int, int, int]]] = {}
        """Branch → tokens before a position in it and with it, the token that is asked for behind
        it, and the place of the answer."""

    def run(self, most: int, worth: int) -> list[Score]:
        """Run all passes."""
        import torch

        asking = [index for index, one in enumerate(self._requests) if one.continuation_ids]
        # The last token predicts nothing that is asked for.
        texts = [
            (self._requests[index].context_ids + self._requests[index].continuation_ids)[:-1]
            for index in asking
        ]
        root, ends = token_tree(texts)
        for index, end in zip(asking, ends, strict=True):
            self._ask(index, end)
        with torch.inference_mode():
            for one in passes(root, most, worth):
                self._pass(one)
        return [self._score(index) for index in range(len(self._requests))]

    def _ask(self, index: int, branch: Branch) -> None:
        """Note at which places of the tree a request's tokens are predicted."""
        request, first = self._requests[index], self._first[index]
        for place in reversed(range(len(request.continuation_ids))):
            position = len(request.context_ids) + place
            while position <= branch.start:
                assert branch.above is not None
                branch = branch.above
            asked = (position, request.continuation_ids[place], first + place)
            self._asked.setdefault(branch, []).append(asked)

    def _pass(self, one: ForwardPass) -> None:
        """Run a pass and note what it says of the continuations."""
        import torch

        ids = [token for branch, start, end in one.pieces for token in branch.text[start:end]]
        positions = [place for _, start, end in one.pieces for place in range(start, end)]
        places = torch.tensor(positions, device=self._device)
        rows = self._rows(one)
        kept = list(dict.fromkeys(row for row, _, _ in rows))
        cached = one.kept or one.past > 0
        self._cut_cache(one.past)
        logits = self._model(
            input_ids=torch.tensor([ids], device=self._device),
            attention_mask=attention_masks(self._model, visible(one, self._device), places),
            position_ids=places[None],
            past_key_values=self._cache if cached else None,
            use_cache=cached,
            logits_to_keep=torch.tensor(kept, dtype=torch.long, device=self._device),
        ).logits[0]
        self._note(logits, kept, rows)

    def _rows(self, one: ForwardPass) -> list[tuple[int, int, int]]:
        """Rows of a pass that are asked about: row, token, and the place of the answer."""
        rows, before = [], 0
        for branch, start, end in one.pieces:
            asked = self._asked.pop(branch, [])
            later = [item for item in asked if item[0] > end]
            if later:
                self._asked[branch] = later
            rows += [
                (before + position - 1 - start, token, place)
                for position, token, place in asked
                if position <= end
            ]
            before += end - start
        return sorted(rows)

    def _note(self, logits: Any, kept: Sequence[int], rows: Sequence[tuple[int, int, int]]) -> None:
        """Take log-probabilities from logits of shape ``(len(kept), vocabulary)``."""
        import torch

        line = {row: number for number, row in enumerate(kept)}
        wanted = [(line[row], token, place) for row, token, place in rows]
        for start in range(0, len(kept), LOGIT_ROWS):
            part = [one for one in wanted if start <= one[0] < start + LOGIT_ROWS]
            table = torch.log_softmax(logits[start : start + LOGIT_ROWS].float(), dim=-1)
            lines = torch.tensor([one[0] - start for one in part], device=table.device)
            tokens = torch.tensor([one[1] for one in part], device=table.device)
            own, best = table[lines, tokens], table.max(dim=-1).values[lines]
            places = [one[2] for one in part]
            self._own[places] = own.double().cpu().numpy()
            self._greedy[places] = (own >= best).cpu().numpy()

    def _cut_cache(self, past: int) -> None:
        """Forget the positions of a branch that is done with."""
        from transformers import DynamicCache

        if past == 0:
            self._cache = DynamicCache()
        elif surplus := self._cache.get_seq_length() - past:
            self._cache.crop(-surplus)

    def _score(self, index: int) -> Score:
        places = slice(self._first[index], self._first[index + 1])
        total = math.fsum(self._own[places].tolist())
        if not math.isfinite(total):
            raise not_finite()
        return Score(logprob=total, greedy=bool(self._greedy[places].all()))


def visible(one: ForwardPass, device: DeviceName) -> Any:
    """Which position a pass's tokens see, kept ones first: booleans ``(tokens, past + tokens)``."""
    import torch

    count = sum(end - start for _, start, end in one.pieces)
    sees = torch.zeros(count, count, dtype=torch.bool)
    last: dict[Branch, int] = {}
    before = 0
    for branch, start, end in one.pieces:
        mine = slice(before, before + end - start)
        if branch.above in last:
            sees[mine] = sees[last[branch.above]]
        sees[mine, mine] = torch.ones(end - start, end - start, dtype=torch.bool).tril()
        before = mine.stop
        last[branch] = before - 1
    past = torch.ones(count, one.past, dtype=torch.bool)
    return torch.cat([past, sees], dim=1).to(device)


def attention_masks(model: Any, sees: Any, positions: Any) -> Any:
    """The mask that a model takes, or those of each kind of its layers.

    Args:
        model: The model.
        sees: Which position each token sees, shape ``(tokens, past + tokens)``.
        positions: Of the tokens, shape ``(tokens,)``; what is kept has the positions from 0.
    """
    import torch

    def added(mask: Any) -> Any:
        least = torch.finfo(model.dtype).min
        empty = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device)
        return empty.masked_fill(~mask, least)[None, None]

    config, takes = model.config, FAMILIES[model.config.model_type]
    window = None if takes == "whole" else getattr(config, "sliding_window", None)
    near = sees
    if window is not None:
        past = torch.arange(sees.shape[1] - sees.shape[0], device=positions.device)
        near = sees & (positions[:, None] - torch.cat([past, positions])[None] < window)
    if takes != "by layer":
        return added(near)
    return {
        kind: added(near if kind == "sliding_attention" else sees)
        for kind in dict.fromkeys(config.layer_types)
    }
