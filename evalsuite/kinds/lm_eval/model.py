"""The language model that lm-eval talks to: its requests, translated for a :class:`Client`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from evalsuite.errors import UsageError
from evalsuite.prompting.checks import Message
from evalsuite.prompting.client import Client
from evalsuite.prompting.decoding import Decoding

MAX_GEN_TOKS = 256
"""lm-eval's default length of an answer."""

KNOWN_SETTINGS = frozenset({"do_sample", "until", "max_gen_toks", "temperature", "top_p", "top_k"})


class EngineLM(TemplateLM):  # type: ignore[misc]
    """Answers lm-eval's three sorts of requests: continuations, whole texts and generation.

    ``TemplateLM`` tokenises continuations; it calls :meth:`tok_encode`.

    Args:
        client: Asks the engine.
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._prompter = client.prompter
        self.tokenizer = self._prompter.tokenizer
        self.settings: dict[str, Any] = {}
        """Generation settings of the last request in lm-eval's terms, as records keep them."""

    @property
    def eot_token_id(self) -> int:
        """The tokenizer's end token."""
        return self._prompter.end_id

    @property
    def prefix_token_id(self) -> int:
        """Stands before a text that has no context."""
        return self._prompter.prefix_id

    @property
    def tokenizer_name(self) -> str:
        """Name by which lm-eval distinguishes tokenizers."""
        return self._prompter.name

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The Jinja template that :meth:`apply_chat_template` uses."""
        chat = self._prompter.chat
        return chat.template if chat_template and chat else None

    def apply_chat_template(
        self, chat_history: list[Message], add_generation_prompt: bool = True
    ) -> str:
        """Render a conversation; see :meth:`Prompter.render`."""
        return self._prompter.render(chat_history, add_generation_prompt)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None) -> list[int]:
        """Token ids of a text; see :meth:`Prompter.encode`. ``None`` adds special tokens."""
        return self._prompter.encode(string, special_tokens=add_special_tokens is not False)

    def _loglikelihood_tokens(
        self,
        requests: Sequence[tuple[Any, list[int], list[int]]],
        **kwargs: Any,  # noqa: ARG002 - lm-eval's signature
    ) -> list[tuple[float, bool]]:
        scores = self._client.score_ids([(context, rest) for _, context, rest in requests])
        return [(score.logprob, score.greedy) for score in scores]

    def loglikelihood(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = True,  # noqa: ARG002 - lm-eval's signature
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of continuations; tokenised as lm-eval does."""
        answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def loglikelihood_rolling(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = True,  # noqa: ARG002 - lm-eval's signature
    ) -> list[float]:
        """Log-likelihood of whole texts, in windows as long as the context allows."""
        windows: list[tuple[list[int], list[int]]] = []
        counts: list[int] = []
        for request in requests:
            rolled = get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]),
                prefix_token=self.prefix_token_id,
                max_seq_len=self._client.max_length - 2,
                context_len=1,
            )
            mine = [make_disjoint_window(window) for window in rolled]
            windows.extend(mine)
            counts.append(len(mine))
        scores = iter(self._client.score_ids(windows))
        return [sum(next(scores).logprob for _ in range(count)) for count in counts]

    def generate_until(
        self,
        requests: Sequence[Any],
        disable_tqdm: bool = True,  # noqa: ARG002 - lm-eval's signature
    ) -> list[str]:
        """Continue prompts until a stop string, the end token or the length limit."""
        end = self._prompter.end_text
        asked = [(r.args[0], self._decoding(r.args[1], end)) for r in requests]
        return self._client.generate_each(asked)

    def _decoding(self, settings: dict[str, Any], end: str) -> Decoding:
        plain = normalize_gen_kwargs(settings, default_max_gen_toks=MAX_GEN_TOKS)
        if unknown := sorted(set(plain) - KNOWN_SETTINGS):
            raise UsageError(
                f"generation setting {unknown[0]!r} is not supported",
                f"use {', '.join(sorted(KNOWN_SETTINGS))}",
            )
        max_tokens = int(plain.pop("max_gen_toks"))
        stop = handle_stop_sequences(plain.pop("until", None), eos=end)
        self.settings = {"max_tokens": max_tokens, "stop": list(stop), **plain}
        return Decoding(
            max_tokens=max_tokens,
            stop=tuple(stop),
            temperature=float(plain.get("temperature", 0.0)),
            top_p=float(plain.get("top_p", 1.0)),
            top_k=max(int(plain.get("top_k", 0)), 0),
        )
