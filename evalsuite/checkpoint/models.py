"""What a checkpoint is, and the protocol by which it embeds and generates: frozen data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from evalsuite.options import Option
from evalsuite.schema import Attention, CheckpointRef, Frozen, Pooling, World

CheckpointKind = Literal["sentence-transformers", "grit", "causal", "encoder", "generative"]
"""``grit`` and ``causal`` can do both; they differ in the embedding protocol they default to."""

EncoderEngine = Literal["sentence-transformers", "transformers", "vllm"]
GeneratorEngine = Literal["vllm", "transformers"]


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
    that a sentence-transformers model brings along) or ``none``."""
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

    @property
    def facts(self) -> dict[str, Any]:
        """All of it as plain data, for hashes.

        Without ``pool_instruction`` where that is the default, so that what was hashed before
        there was a choice keeps its hash.
        """
        later = None if self.pool_instruction else {"pool_instruction"}
        return self.model_dump(mode="json", exclude=later)

    def prefix(self, instruction: str) -> str:
        """The exact text put before a text, for an instruction (``""`` for none)."""
        if self.wrapper is None:
            return ""
        inner = instruction.strip(": \n") if self.wrapper.strip else instruction
        if not inner:
            return self.wrapper.bare
        return self.wrapper.template.replace("{instruction}", inner)


class ChatProtocol(Frozen):
    """How a checkpoint is talked to."""

    template: str | None
    """Jinja chat template; ``None``: the prompt is given as it is (base-model form)."""
    template_hash: str
    """First 8 hex digits of the template's SHA-256, or ``none``."""


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
        Option("gritlm, zephyr, tulu, mistral, raw, or a template with {instruction}."),
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
