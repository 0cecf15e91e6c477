"""The language model that lm-eval talks to: our own ``TemplateLM`` over a generator.

Texts become token ids here, requests go to the engine in bounded waves, and each answer is on the
disk within a second of its end. What lm-eval's own ``vllm`` model does with contexts
that are too long, with stop strings and with sampling settings is done in the same way, so that
scores are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.generators import cut_at_stop
from evalsuite.engines.protocols import (
    Completion,
    GenerationRequest,
    Generator,
    Score,
    ScoreRequest,
)
from evalsuite.errors import EngineError, UsageError
from evalsuite.prompting.checks import KeptPrompts, check_single_bos
from evalsuite.prompting.response_log import Response, ResponseLog, request_key
from evalsuite.schema import digest

MAX_GEN_TOKS = 256
"""lm-eval's default length of an answer."""

SCORE_WAVE_TOKENS = 32_768
"""Tokens of one wave of scoring requests: seconds on a GPU, a minute on two cores."""

SECONDS_BETWEEN_WRITES = 1.0
"""A kill costs the answers that ended in this time, and those that were being generated."""

KNOWN_SETTINGS = frozenset({"do_sample", "until", "max_gen_toks", "temperature", "top_p", "top_k"})

Request = GenerationRequest | ScoreRequest
Write = Callable[[list[tuple[str, Response]]], None]


class EngineLM(TemplateLM):  # type: ignore[misc]
    """Answers lm-eval's three kinds of request.

    Args:
        generator: The engine.
        checkpoint: Its checkpoint, for tokenizer and chat template.
        log: Where finished answers are kept and found again.
        seed: Seeds sampled answers: the same seed gives the same answers.
        progress: Told ``(done, total)`` after each wave.
    """

    def __init__(
        self,
        generator: Generator | None,
        checkpoint: Checkpoint,
        log: ResponseLog | None = None,
        *,
        seed: int = 42,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__()
        self._generator = generator
        self._checkpoint = checkpoint
        self._log = log
        self._seed = seed
        self._progress = progress
        self.tokenizer: Any = load_tokenizer(checkpoint)
        self._kept = KeptPrompts(checkpoint.name, self._render)
        self.asked = 0
        """Prompts that were put together."""
        self.truncated = 0
        """Those that were cut on the left to fit the context."""
        self.seconds = 0.0
        """Time spent inside the engine."""
        self.settings: dict[str, Any] = {}
        """Generation settings of the last request, as the engine got them."""

    @property
    def chats(self) -> bool:
        """Whether prompts are put into the checkpoint's chat template."""
        return self._checkpoint.chat is not None and self._checkpoint.chat.template is not None

    @property
    def max_length(self) -> int:
        """Context length in tokens."""
        return self._engine.max_length

    @property
    def eot_token_id(self) -> int:
        """The tokenizer's end token."""
        if self.tokenizer.eos_token_id is None:
            raise EngineError(f"the tokenizer of {self._checkpoint.name} has no end token")
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """Stands before a text that has no context: BOS, or the end token without one."""
        bos = self.tokenizer.bos_token_id
        return self.eot_token_id if bos is None else int(bos)

    @property
    def tokenizer_name(self) -> str:
        """Name by which lm-eval tells tokenizers apart."""
        return self._checkpoint.name

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The Jinja template that :meth:`apply_chat_template` uses."""
        if not chat_template or self._checkpoint.chat is None:
            return None
        return self._checkpoint.chat.template

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Render a conversation.

        Args:
            chat_history: Messages with ``role`` and ``content``.
            add_generation_prompt: End with the opening of an answer; otherwise the last
                message is an answer to be continued.
        """
        self._kept.before(chat_history)
        rendered = self._render(chat_history, add_generation_prompt=add_generation_prompt)
        self._kept.after(chat_history, rendered)
        return rendered

    def _render(self, history: list[dict[str, str]], *, add_generation_prompt: bool = True) -> str:
        from jinja2 import TemplateError

        assert self._checkpoint.chat is not None
        try:
            rendered = self.tokenizer.apply_chat_template(
                history,
                chat_template=self._checkpoint.chat.template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        except (TemplateError, ValueError) as error:
            raise UsageError(
                f"the chat template of {self._checkpoint.name} refuses the prompt: {error}",
                "pass --chat-template with another template, or --chat-template none",
            ) from error
        return str(rendered)

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **kwargs: Any
    ) -> list[int]:
        """Token ids of a text, with exactly one BOS where the tokenizer puts one.

        Raises:
            EngineError: If the ids begin with two BOS tokens.
        """
        if not string:
            return []
        bos = self.tokenizer.bos_token_id
        special = True if add_special_tokens is None else add_special_tokens
        if bos is not None and string.startswith(self.tokenizer.decode(bos)):
            special = False
        ids = list(self.tokenizer(string, add_special_tokens=special, **kwargs).input_ids)
        check_single_bos(ids, bos, self.tokenizer.decode)
        return ids

    def loglikelihood(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = True,  # noqa: ARG002 - lm-eval's signature
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of continuations; tokenised as lm-eval does."""
        answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def _loglikelihood_tokens(
        self,
        requests: Sequence[tuple[Any, list[int], list[int]]],
        **kwargs: Any,  # noqa: ARG002 - lm-eval's signature
    ) -> list[tuple[float, bool]]:
        asked = [self._score_request(context, rest) for _, context, rest in requests]
        keys = [request_key(request) for request in asked]
        answers = self._answer(asked, keys)
        return [(a.logprob, a.greedy) for a in answers if isinstance(a, Score)]

    def _score_request(self, context: list[int], continuation: list[int]) -> ScoreRequest:
        """Cut the context on the left; like lm-eval's vLLM model, leave room for one token."""
        self.asked += 1
        room = self.max_length - 1
        over = len(context) + len(continuation) - room
        if over > 0:
            self.truncated += 1
            if over >= len(context):
                raise EngineError(
                    f"an answer of {len(continuation)} tokens does not fit the context of"
                    f" {self.max_length}",
                    "raise --max-length",
                )
            context = context[over:]
        return ScoreRequest(context_ids=tuple(context), continuation_ids=tuple(continuation))

    def loglikelihood_rolling(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = True,  # noqa: ARG002 - lm-eval's signature
    ) -> list[float]:
        """Log-likelihood of whole texts, in windows as long as the context allows."""
        windows: list[tuple[None, list[int], list[int]]] = []
        counts: list[int] = []
        for request in requests:
            rolled = get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length - 2,
                context_len=1,
            )
            mine = [(None, *make_disjoint_window(window)) for window in rolled]
            windows.extend(mine)
            counts.append(len(mine))
        scores = iter(self._loglikelihood_tokens(windows))
        return [sum(next(scores)[0] for _ in range(count)) for count in counts]

    def generate_until(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = True,  # noqa: ARG002 - lm-eval's signature
    ) -> list[str]:
        """Continue prompts until a stop string, the end token or the length limit."""
        eos = self.tokenizer.decode(self.eot_token_id) or self.tokenizer.eos_token
        asked: list[GenerationRequest] = []
        keys: list[str] = []
        seen: dict[GenerationRequest, int] = {}
        for request in requests:
            context, settings = request.args[:2]
            wanted = self._generation_request(context, settings, eos)
            repeat = seen.get(wanted, 0)
            seen[wanted] = repeat + 1
            keys.append(request_key(wanted, repeat if wanted.temperature > 0 else 0))
            asked.append(self._seeded(wanted, keys[-1]))
        answers = self._answer(asked, keys)
        texts = [answer.text for answer in answers if isinstance(answer, Completion)]
        return [cut_at_stop(text, r.stop)[0] for text, r in zip(texts, asked, strict=True)]

    def _generation_request(
        self, context: str, settings: dict[str, Any], eos: str
    ) -> GenerationRequest:
        plain = normalize_gen_kwargs(settings, default_max_gen_toks=MAX_GEN_TOKS)
        if unknown := sorted(set(plain) - KNOWN_SETTINGS):
            raise UsageError(
                f"generation setting {unknown[0]!r} is not supported",
                f"use {', '.join(sorted(KNOWN_SETTINGS))}",
            )
        max_tokens = int(plain.pop("max_gen_toks"))
        stop = tuple(handle_stop_sequences(plain.pop("until", None), eos=eos))
        self.settings = {"max_tokens": max_tokens, "stop": list(stop), **plain}
        return GenerationRequest(
            prompt_ids=self._prompt(context, max_tokens),
            max_tokens=max_tokens,
            stop=stop,
            temperature=float(plain.get("temperature", 0.0)),
            top_p=float(plain.get("top_p", 1.0)),
            top_k=max(int(plain.get("top_k", 0)), 0),
        )

    def _prompt(self, context: str, max_tokens: int) -> tuple[int, ...]:
        self.asked += 1
        ids = self.tok_encode(context) or [self.prefix_token_id]
        room = self.max_length - max_tokens
        if room < 1:
            raise EngineError(
                f"an answer of {max_tokens} tokens does not fit the context of {self.max_length}",
                "raise --max-length",
            )
        if len(ids) > room:
            self.truncated += 1
            ids = ids[-room:]
        return tuple(ids)

    def _seeded(self, request: GenerationRequest, key: str) -> GenerationRequest:
        """Give a sampled request a seed of its own, from the run's seed and its key."""
        if request.temperature == 0:
            return request
        return replace(request, seed=int(digest([self._seed, key])[:8], 16) >> 1)

    def _answer(self, requests: Sequence[Request], keys: Sequence[str]) -> list[Response]:
        """Ask for what has no answer yet, wave by wave, each request once."""
        log = self._log
        if log is None:
            raise EngineError("this model has no response log")
        open_: dict[str, Request] = {
            key: request
            for key, request in zip(keys, requests, strict=True)
            if log.get(key) is None
        }
        waiting = sum(key in open_ for key in keys)
        done, total = len(keys) - waiting, len(keys)
        shares: dict[str, int] = {}
        for key in keys:
            shares[key] = shares.get(key, 0) + 1
        self._report(done, total)

        def write(answers: list[tuple[str, Response]]) -> None:
            nonlocal done
            log.append(answers)
            done += sum(shares[key] for key, _ in answers)
            self._report(done, total)

        for wave in _waves(open_.items(), self._engine.wave):
            self._ask(wave, write)
        found = [answer for key in keys if (answer := log.get(key)) is not None]
        if len(found) < len(keys):
            raise EngineError(
                f"{len(keys) - len(found)} of {len(keys)} requests got no answer", "run again"
            )
        return found

    def _ask(self, wave: list[tuple[str, Request]], write: Write) -> None:
        """Have a wave answered; generated answers are written down while others go on."""
        started = time.perf_counter()
        keys = [key for key, _ in wave]
        scoring = [request for _, request in wave if isinstance(request, ScoreRequest)]
        if scoring:
            scores = self._engine.score(scoring)
            write(list(zip(keys, scores, strict=True)))
        else:
            ended: list[tuple[str, Response]] = []
            written = started

            def note(index: int, answer: Completion) -> None:
                nonlocal written
                ended.append((keys[index], answer))
                if time.perf_counter() - written >= SECONDS_BETWEEN_WRITES:
                    write(list(ended))
                    ended.clear()
                    written = time.perf_counter()

            generating = [r for _, r in wave if isinstance(r, GenerationRequest)]
            self._engine.generate(generating, note)
            write(ended)
        self.seconds += time.perf_counter() - started

    def _report(self, done: int, total: int) -> None:
        if self._progress is not None and total:
            self._progress(done, total)

    @property
    def _engine(self) -> Generator:
        if self._generator is None:
            raise EngineError("this model renders prompts only")
        return self._generator


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The checkpoint's tokenizer.

    Raises:
        EngineError: If it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            checkpoint.tokenizer_path, trust_remote_code=checkpoint.trust_remote_code
        )
    except (ValueError, OSError) as error:
        raise EngineError(
            f"the tokenizer of {checkpoint.name} cannot be loaded: {error}"
        ) from error


def _waves(
    requests: Iterable[tuple[str, Request]], most: int
) -> Iterator[list[tuple[str, Request]]]:
    """Split requests into waves of similar length, longest first.

    Longest first: if anything does not fit into memory, it fails at once. Requests with equal
    contexts stay together, so that one forward pass can answer them.
    """
    wave: list[tuple[str, Request]] = []
    tokens = 0
    for key, request in sorted(requests, key=lambda item: _order(item[1])):
        if isinstance(request, ScoreRequest):
            size = len(request.context_ids) + len(request.continuation_ids)
            full = tokens + size > SCORE_WAVE_TOKENS
        else:
            size = 0
            full = len(wave) >= most
        if wave and full:
            yield wave
            wave, tokens = [], 0
        wave.append((key, request))
        tokens += size
    if wave:
        yield wave


def _order(request: Request) -> tuple[Any, ...]:
    if isinstance(request, ScoreRequest):
        return (-len(request.context_ids), request.context_ids, request.continuation_ids)
    return (-len(request.prompt_ids), request.prompt_ids, request.seed or 0)
