"""What a checkpoint is, and the protocol by which it embeds and generates: frozen data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

from pydantic import Field

from evalsuite.options import Option
from evalsuite.schema import Attention, CheckpointRef, Frozen, Pooling, Similarity, World

CheckpointKind = Literal["sentence-transformers", "grit", "causal", "encoder", "generative"]
"""``grit`` and ``causal`` can do both; they differ in the embedding protocol they default to."""

EncoderEngine = Literal["sentence-transformers", "transformers", "vllm"]
GeneratorEngine = Literal["vllm", "transformers"]
Route = Literal["query", "document"]
_ROUTE_MARK: Final = "\x1f"
"""A character that no prompt has: the ASCII unit separator."""


class Wrapper(Frozen):
    r"""Text put before a text to embed.

    Attributes:
        template: With ``{instruction}`` in the instruction's place.
        bare: Used instead where there is no instruction.
        strip: Whether ``": \n"`` is stripped from both ends of the instruction first, as the
            GRIT authors' code does.
    """

    template: str
    bare: str = ""
    strip: bool = True


class EmbeddingProtocol(Frozen):
    """How a checkpoint turns a text into a vector.

    The GRIT paper's protocol is ``wrapper=gritlm``, bidirectional attention, mean over the
    tokens after the prefix, not normalised, 512 tokens (paper, Appendix E; Figure 3).
    """

    engine: EncoderEngine
    """A checkpoint's protocol says ``transformers`` for its weights alone; a run may have vLLM do
    the same (:mod:`evalsuite.engines.choice`)."""
    wrapper: Wrapper | None = None
    """``None``: instructions are not used."""
    instructions: str = "none"
    """Instruction set: ``task``, a name under ``tasks/instructions``, ``model`` (the prompts
    of a sentence-transformers model) or ``none``."""
    prompts: dict[str, str] = Field(default_factory=dict)
    """Prompts of a sentence-transformers model, by task name, task type or side."""
    attention: Attention | None = None
    """``None``: whatever the model's own code does (encoders, sentence-transformers)."""
    pooling: Pooling | Literal["model"] = "mean"
    pool_instruction: bool = False
    """Whether the prefix enters a mean, too."""
    normalize: bool = False
    max_length: int | None = None
    """Tokens, prefix and BOS included; ``None``: the model's own limit."""
    similarity: Similarity = "cosine"
    """How two vectors are compared where a task asks the model."""
    default_prompt: str | None = None
    """Name of the prompt, among ``prompts``, of texts that are neither query nor document."""
    routed: bool = False
    """Whether a sentence-transformers router sends queries and documents through different
    modules; then prefixes are made with :meth:`routed_prefix`."""
    pad_right: bool = False
    """Whether texts are padded on the right although the tokenizer says left: with absolute
    positions, padding on the left would move a text's positions by the length of its neighbours."""
    append_eos: bool = False
    """Whether EOS is put behind each text: the tokenizer's config states it, its file does not."""
    queries_only: bool = False
    """Whether documents get no instruction in any task: the wrapper of a model trained so."""
    modules: str | None = None
    """What a sentence-transformers model does behind its transformer, for people to read; the
    checkpoint's fingerprint covers it."""

    @property
    def late_interaction(self) -> bool:
        """Whether a text has a vector for each token (ColBERT)."""
        return self.similarity in ("maxsim", "meanmaxsim")

    @property
    def facts(self) -> dict[str, Any]:
        """All of it as plain data, for hashes.

        Without the later fields where they have their defaults, so that what was hashed before
        there was a choice keeps its hash.
        """
        silent = {name for name in _LATER if getattr(self, name) == _LATER[name]}
        return self.model_dump(mode="json", exclude={"modules", *silent})

    @property
    def traits(self) -> dict[str, Any]:
        """Fields of a signature that only say something where the default does not hold."""
        return {
            "similarity": None if self.similarity == "cosine" else self.similarity,
            "default_prompt": self.default_prompt if self.instructions == "model" else None,
            "routed": self.routed or None,
            "pad_right": self.pad_right or None,
            "append_eos": self.append_eos or None,
            "queries_only": self.queries_only or None,
            "modules": self.modules,
        }

    def routed_prefix(self, route: Route, prefix: str) -> str:
        """The prefix of a text that goes a given way through a router.

        Engines are given texts and prefixes alone; the route is written in front of the prefix,
        and :func:`split_route` takes it off again.
        """
        return f"{_ROUTE_MARK}{route}{_ROUTE_MARK}{prefix}" if self.routed and route else prefix

    def prefix(self, instruction: str) -> str:
        """The exact text put before a text, for an instruction (``""`` for none)."""
        if self.wrapper is None:
            return ""
        inner = instruction.strip(": \n") if self.wrapper.strip else instruction
        if not inner:
            return self.wrapper.bare
        return self.wrapper.template.replace("{instruction}", inner)


_LATER: Final[dict[str, Any]] = {
    "pool_instruction": False,
    "similarity": "cosine",
    "default_prompt": None,
    "routed": False,
    "pad_right": False,
    "append_eos": False,
    "queries_only": False,
}
"""Fields of :class:`EmbeddingProtocol` that did not exist from the first, and their defaults."""


def split_route(prefix: str) -> tuple[Route | None, str]:
    """Route and prefix of what :meth:`EmbeddingProtocol.routed_prefix` made."""
    if not prefix.startswith(_ROUTE_MARK):
        return None, prefix
    _, route, rest = prefix.split(_ROUTE_MARK, 2)
    return cast(Route, route), rest


class ChatProtocol(Frozen):
    """How a checkpoint is talked to."""

    template: str | None
    """Jinja chat template; ``None``: the prompt is given as it is (base-model form)."""
    template_hash: str
    """First 8 hex digits of the template's SHA-256, or ``none``."""
    name: str | None = None
    """Name of the template, where the checkpoint brings several."""


class Checkpoint(Frozen):
    """A checkpoint that can be loaded from ``path`` by the engines."""

    name: str
    """Short name for tables and folders."""
    source: str
    path: Path
    """Folder in the layout of ``save_pretrained``: adapters merged, GGUF dequantised."""
    fingerprint: str
    kind: CheckpointKind
    evidence: tuple[str, ...]
    """Why it was taken for this kind, one remark each."""
    embedding: EmbeddingProtocol | None
    chat: ChatProtocol | None
    cannot: dict[World, str] = Field(default_factory=dict)
    """World → why the checkpoint cannot be evaluated in it."""
    base: str | None = None
    step: int | None = None
    max_positions: int | None = None
    """Context length in tokens, from the config."""
    trust_remote_code: bool = False
    tokenizer: Path | None = None
    """Folder of the tokenizer to load, where the one in ``path`` had to be corrected."""
    tokenizer_change: str | None = None
    """What was corrected about the tokenizer."""
    quantization: str | None = None
    """Method that the weights are quantised with."""
    conversion: str | None = None
    """What a GGUF file or an adapter says that the libraries leave out, and was carried over."""

    @property
    def tokenizer_path(self) -> Path:
        """Folder that the tokenizer is loaded from."""
        return self.tokenizer or self.path

    @property
    def changes(self) -> dict[str, Any]:
        """What its vectors depend on besides fingerprint and protocol, for hashes."""
        return {key: value for key, value in self.traits.items() if value is not None}

    @property
    def traits(self) -> dict[str, Any]:
        """Fields of a signature that only say something where the default does not hold."""
        return {
            "tokenizer": self.tokenizer_change,
            "quantization": self.quantization,
            "conversion": self.conversion,
        }

    @property
    def ref(self) -> CheckpointRef:
        """The part that records keep."""
        return CheckpointRef(
            name=self.name,
            fingerprint=self.fingerprint,
            source=self.source,
            kind=self.kind,
            base=self.base,
            step=self.step,
            evidence=self.evidence,
        )


class CheckpointOptions(Frozen):
    """What a person may override; ``None`` leaves the choice to detection."""

    kind: Annotated[
        CheckpointKind | None,
        Option("What the checkpoint is, where detection errs.", flags=("--as",)),
    ] = None
    base: Annotated[str | None, Option("Base of an adapter, if not its own.")] = None
    """Path or hub id."""
    protocol: Annotated[
        Literal["grit", "raw-llm", "sentence-transformers"] | None,
        Option("Preset for the embedding options below."),
    ] = None
    instructions: Annotated[
        str | None, Option("Instruction set: e5, medi2 …, task, none or a YAML file.")
    ] = None
    wrapper: Annotated[
        str | None,
        Option(
            "gritlm, zephyr, tulu, mistral, e5-instruct, qwen3, raw, or a template with "
            "{instruction}."
        ),
    ] = None
    bare_wrapper: Annotated[
        str | None, Option("What the wrapper puts before texts without an instruction.")
    ] = None
    attention: Annotated[Attention | None, Option("Attention when embedding.")] = None
    pooling: Annotated[Pooling | None, Option("Pooling.")] = None
    pool_instruction: Annotated[
        bool | None, Option("Let wrapper and instruction enter the mean.")
    ] = None
    normalize: Annotated[bool | None, Option("L2-normalise embeddings.")] = None
    max_length: Annotated[
        int | None, Field(ge=8), Option("Tokens after which a text to embed is cut.")
    ] = None
    chat_template: Annotated[str | None, Option("Jinja file, or none for base-model prompts.")] = (
        None
    )
    allow_pickle: Annotated[bool, Option("Load pickle weights: they can run code.")] = False
    trust_remote_code: Annotated[bool, Option("Run code that the checkpoint brings.")] = False
