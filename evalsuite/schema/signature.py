"""How a score came to be: all that it depends on beside the checkpoint."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from evalsuite.schema.base import Attention, Frozen, Pooling, Similarity, World, digest

CODE_VERSION = 1
"""Raised whenever a change of evalsuite's own code changes scores; part of every signature."""


class Signature(Frozen):
    """How a score came to be.

    All fields but ``data`` are known before anything is loaded; their hash is the
    :attr:`plan_key`, by which a later run finds the record again. ``data`` is the hash of what
    was really read and is checked apart (see ``evalsuite.data``).
    """

    task: str
    """Name of the task."""
    task_hash: str
    """Hash of the task's definition: what it evaluates, prompts, columns, metrics."""
    world: World
    harness: str
    """Harness and version, for example ``mteb 2.26.24``."""
    engine: str
    """Engine and version, for example ``vllm 0.32.0``."""
    device: str
    """``cpu`` or ``cuda``."""
    dtype: str
    split: str | None = None
    """The split that the task file names."""
    splits: str | None = None
    """The splits of an mteb task, ``validation+test``, where they are not the one that a score had
    before it could have several."""
    subsets: str | None = None
    """The subsets that were scored, where they are fewer than the task names: of an imported score
    whose file lacks some."""
    limit: int | float | None = None
    """The run's ``--limit``; a limit in the task's definition is part of ``task_hash``. Below 1, of
    an imported score: the share of the items that was evaluated."""
    chosen: Literal["random"] | None = None
    """How a limit chose the items of a generative task; ``None`` for the first rows, and without a
    limit."""
    seed: int = 42
    max_length: int | None = None
    """Tokens after which a text to embed is cut, or the context length of generation."""

    instructions: str | None = None
    """Name of the instruction set (``e5``), ``task`` (the task file's own text) or ``none``; of
    a set that is a file, the file's name and a hash of its content."""
    outside_set: bool | None = None
    """Whether the set has no entry for the task, so that the task's own text was used."""
    instruction: str | None = None
    """The instruction texts that are known before loading, as ``query ⏎ document``."""
    template: str | None = None
    """Text around the instruction, with ``{instruction}`` in its place."""
    bare: str | None = None
    """What precedes texts without an instruction, where the template does not say it."""
    attention: Attention | None = None
    pooling: Pooling | Literal["model"] | None = None
    pool_instruction: bool | None = None
    """Whether the instruction enters the mean; ``None`` for no."""
    normalize: bool | None = None
    dims: int | None = None
    """Dimensions of the vectors that were kept; ``None`` for all."""
    vectors: str | None = None
    """What the vectors' numbers were rounded to, ``int8`` or ``binary``; ``None`` for nothing."""
    similarity: Similarity | None = None
    """How the model compares two vectors; ``None`` for cosine."""
    default_prompt: str | None = None
    """Name of the model's own prompt for texts that are neither query nor document."""
    routed: bool | None = None
    """Whether the model sends queries and documents through different modules."""
    pad_right: bool | None = None
    """Whether texts are padded on the right although the tokenizer says left."""
    append_eos: bool | None = None
    """Whether EOS is put behind each text because the tokenizer's config states it."""
    queries_only: bool | None = None
    """Whether documents get no instruction in any task."""
    modules: str | None = None
    """What a sentence-transformers model does behind its transformer; said for people, as the
    checkpoint's fingerprint covers it."""
    tokenizer: str | None = None
    """What was corrected about the tokenizer that transformers would load; ``None`` for
    nothing."""
    quantization: str | None = None
    """Method that the weights are quantised with; ``None`` for none."""
    conversion: str | None = None
    """What was carried over of a GGUF file or an adapter that the libraries leave out."""

    chat_template: str | None = None
    """``none``, or the first 8 hex digits of the SHA-256 of the chat template."""
    shots: int | None = None
    """Number of few-shot examples; ``None`` for what the harness task says."""
    fewshot_seed: int | None = None
    """The seed by which a task of lm-eval draws examples, where it draws some and the seed is not
    :attr:`seed`."""
    sampling: str | None = None
    """``task`` for the settings in the task's definition (covered by ``task_hash``)."""
    prefix_caching: bool | None = None
    batch_invariant: bool | None = None
    """Whether vLLM computes a row the same in any batch (``--deterministic``); ``None`` for no."""
    judge: str | None = None
    """The judge of a judged task: its name, prompt, temperature and order of the answers."""

    definition: str | None = None
    """What an imported file states of the task's definition besides its name, for example
    ``version 2, hash 1a2b3c4d, config 5e6f7a8b``; ``None`` for nothing, and of measured scores."""
    settings: str | None = None
    """What an imported file states of the run that no other field holds, for example
    ``gen temperature=1.0, system 1a2b3c4d, multiturn yes``; ``None`` for nothing, and of measured
    scores."""

    retriever: str | None = None
    """How a task that reranks embeds and searches: engine, precision and embedding protocol."""

    libraries: str | None = None
    """Libraries besides harness and engine whose versions can move the score, with these versions:
    ``scikit-learn 1.8.0, tokenizers 0.22.1``. ``None`` in records from before it was kept."""

    code: int = CODE_VERSION
    data: str | None = None
    """Hash of the data that was read; ``None`` while planning."""

    @property
    def plan_key(self) -> str:
        """Hash of everything but the data, and what the fingerprint covers: 64 hex digits."""
        return _plan_key(self)

    @property
    def before_libraries(self) -> Signature:
        """The signature as it was stored before :attr:`libraries` was part of it."""
        return self.model_copy(update={"libraries": None})

    @property
    def protocol(self) -> dict[str, Any]:
        """The part that is the same for all tasks of one row of a table."""
        per_task = {
            "task",
            "task_hash",
            "data",
            "split",
            "splits",
            "subsets",
            "shots",
            "fewshot_seed",
            "instruction",
            "outside_set",
            "harness",
            "judge",
            "retriever",
            "modules",
            "libraries",
            "definition",
        }
        return self.model_dump(mode="json", exclude=per_task, exclude_none=True)

    def short(self) -> str:
        """The signature in one line, as printed under tables."""
        return "|".join(f"{key}:{value}" for key, value in self._parts())

    def _parts(self) -> list[tuple[str, str]]:
        own_text = "(task)" if self.outside_set else ""
        parts: list[tuple[str, object]] = [
            ("task", f"{self.task}@{self.task_hash[:6]}"),
            ("instr", self.instructions and self.instructions + own_text),
            ("attn", {"bidirectional": "bi", "causal": "causal"}.get(self.attention or "")),
            ("pool", self.pooling),
            ("pool-instr", _yes_no(self.pool_instruction)),
            ("norm", self._norm),
            ("dims", self.dims),
            ("vec", self.vectors),
            ("sim", self.similarity),
            ("default-prompt", self.default_prompt),
            ("routes", self.routed and "query/document"),
            ("pad", self.pad_right and "right"),
            ("eos", _yes_no(self.append_eos)),
            ("instr-for", self.queries_only and "queries"),
            ("tok", self.tokenizer),
            ("quant", self.quantization),
            ("conv", self.conversion),
            ("chat", self.chat_template),
            ("shots", self.shots),
            ("fewshot-seed", self.fewshot_seed),
            ("len", self.max_length),
            ("dtype", self.dtype),
            ("engine", self.engine.replace(" ", "-")),
            ("prefix-cache", _yes_no(self.prefix_caching)),
            ("batch-invariant", self.batch_invariant and "yes"),
            ("judge", self.judge),
            ("retriever", self.retriever and self.retriever + own_text),
            ("dev", self.device),
            ("harness", self.harness.replace(" ", "-")),
            ("libs", self.libraries and self.libraries.replace(", ", "+").replace(" ", "-")),
            ("splits", self.splits),
            ("subsets", self.subsets),
            ("limit", self.limit),
            ("chosen", self.chosen),
            ("def", self.definition),
            ("set", self.settings),
            ("data", self.data[:8] if self.data else None),
        ]
        return [(key, str(value)) for key, value in parts if value is not None]

    @property
    def _norm(self) -> str | None:
        """Whether vectors have length 1, and whether the model's own modules see to it."""
        if self.modules is None or self.normalize:
            return _yes_no(self.normalize)
        # Truncated vectors are shorter than the ones that were normalised.
        return f"{_yes_no(self.modules.endswith('Normalize'))}({self.modules})"


LATER_FIELDS = (
    "retriever", "outside_set", "bare", "pool_instruction", "splits", "subsets", "libraries",
    "similarity", "default_prompt", "routed", "pad_right", "append_eos", "tokenizer",
    "quantization", "conversion", "definition", "settings", "batch_invariant",
    "dims", "vectors", "fewshot_seed", "chosen", "queries_only",
)  # fmt: skip
"""Fields that were added later. Where such a field is ``None`` it does not enter the key, so that
records stored before it existed keep theirs."""


@cache
def _plan_key(signature: Signature) -> str:
    """Remembered: a table of a hundred checkpoints asks for it some ten thousand times."""
    silent = {field for field in LATER_FIELDS if getattr(signature, field) is None}
    return digest(signature.model_dump(mode="json", exclude={"data", "modules"} | silent))


def _yes_no(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")
