"""Asks one checkpoint's engine for answers and for log-likelihoods.

Contexts that are too long and sampling settings are treated as lm-eval's own ``vllm`` model treats
them, so that scores are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evalsuite.engines.generation import cut_at_stop
from evalsuite.engines.protocols import (
    Completion,
    GenerationRequest,
    Generator,
    Score,
    ScoreRequest,
)
from evalsuite.errors import EngineError
from evalsuite.prompting.decoding import Decoding
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog, request_key
from evalsuite.prompting.waves import LoggedEngine, Progress
from evalsuite.schema import Suspicion, digest
from evalsuite.suspicions import truncated_prompts


class Client:
    """Builds requests from prompts and asks each of them once.

    Args:
        generator: The engine.
        prompter: Makes token ids of prompts.
        log: Where finished answers are kept and found again.
        seed: Seeds sampled answers: the same seed gives the same answers.
        progress: Called with ``(done, total)`` as answers come.
        device: Where the engine runs.
        shared: Whether it computes what prompts begin with in common once.
    """

    def __init__(
        self,
        generator: Generator,
        prompter: Prompter,
        log: ResponseLog,
        *,
        seed: int = 42,
        progress: Progress | None = None,
        device: str = "cpu",
        shared: bool = False,
    ) -> None:
        self.prompter = prompter
        self.max_length = generator.max_length
        """Context length in tokens, prompt and answer together."""
        self.log = log
        self.unfinished: set[tuple[str, str]] = set()
        """Prompt and answer, of the answers that ended at the limit of their length."""
        self._engine = LoggedEngine(generator, log, progress, device, shared)
        self._seed = seed
        self._decoding: Decoding | None = None
        self._asked = 0
        self._truncated = 0

    @property
    def seconds(self) -> float:
        """Time spent inside the engine."""
        return self._engine.seconds

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the last generated answer, as records keep them; empty if there is none."""
        return self._decoding.recorded() if self._decoding else {}

    def truncation(self) -> tuple[tuple[Suspicion, ...], tuple[str, ...]]:
        """A suspicion or a warning, if prompts were cut on the left to fit the context."""
        return truncated_prompts(self._truncated, self._asked, self.max_length)

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[str]:
        """Continue prompts until a stop text, the end token or the length limit.

        Args:
            prompts: Rendered texts. One that is too long is cut on the left.
            decoding: For all of them.

        Returns:
            The answers up to the first stop text, in the order of ``prompts``. Equal prompts
            have equal answers, unless answers are sampled.

        Raises:
            EngineError: If an answer does not fit the context, or the engine fails.
        """
        return self.generate_each([(prompt, decoding) for prompt in prompts])

    def generate_each(self, asked: Sequence[tuple[str, Decoding]]) -> list[str]:
        """Like :meth:`generate`, with settings for each prompt."""
        end = self.prompter.end_text
        requests: list[GenerationRequest] = []
        keys: list[str] = []
        repeats: Counter[GenerationRequest] = Counter()
        for prompt, decoding in asked:
            request = self._generation_request(prompt, decoding, end)
            keys.append(request_key(request, repeats[request] if request.temperature > 0 else 0))
            repeats[request] += 1
            requests.append(self._seeded(request, keys[-1]))
        answers = [
            one for one in self._engine.answers(requests, keys) if isinstance(one, Completion)
        ]
        texts: list[str] = []
        for (prompt, _), request, answer in zip(asked, requests, answers, strict=True):
            text, stopped = cut_at_stop(answer.text, request.stop)
            texts.append(text)
            if answer.finish == "length" and not stopped:
                self.unfinished.add((prompt, text))
        return texts

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Score]:
        """Log-likelihoods of continuations after contexts.

        Args:
            pairs: Context and continuation; see :meth:`Prompter.encode_pair`.

        Returns:
            The scores, in the order of ``pairs``.

        Raises:
            EngineError: If a continuation does not fit the context, or the engine fails.
        """
        return self.score_ids([self.prompter.encode_pair(*pair) for pair in pairs])

    def score_ids(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[Score]:
        """Like :meth:`score`, with token ids. A context that is too long is cut on the left."""
        requests = [self._score_request(*pair) for pair in pairs]
        answers = self._engine.answers(requests, [request_key(request) for request in requests])
        return [answer for answer in answers if isinstance(answer, Score)]

    def _generation_request(self, prompt: str, decoding: Decoding, end: str) -> GenerationRequest:
        if end not in decoding.stop:
            decoding = replace(decoding, stop=(*decoding.stop, end))
        self._decoding = decoding
        return GenerationRequest(
            prompt_ids=self._prompt_ids(prompt, decoding.max_tokens),
            max_tokens=decoding.max_tokens,
            stop=decoding.stop,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            top_k=decoding.top_k,
        )

    def _prompt_ids(self, prompt: str, max_tokens: int) -> tuple[int, ...]:
        self._asked += 1
        ids = self.prompter.encode(prompt) or [self.prompter.prefix_id]
        room = self.max_length - max_tokens
        if room < 1:
            raise self._too_long(max_tokens)
        if len(ids) > room:
            self._truncated += 1
        return tuple(ids[-room:])

    def _score_request(self, context: list[int], continuation: list[int]) -> ScoreRequest:
        """Cut the context on the left; like lm-eval's vLLM model, leave room for one token."""
        self._asked += 1
        over = max(len(context) + len(continuation) - (self.max_length - 1), 0)
        if over:
            self._truncated += 1
            if over >= len(context):
                raise self._too_long(len(continuation))
        return ScoreRequest(tuple(context[over:]), tuple(continuation))

    def _too_long(self, tokens: int) -> EngineError:
        return EngineError(
            f"an answer of {tokens} tokens does not fit the context of {self.max_length}",
            "raise --max-length",
        )

    def _seeded(self, request: GenerationRequest, key: str) -> GenerationRequest:
        """Give a sampled request a seed of its own, from the run's seed and its key."""
        if request.temperature == 0:
            return request
        return replace(request, seed=int(digest([self._seed, key])[:8], 16) >> 1)
