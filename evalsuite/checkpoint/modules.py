"""What the files of a sentence-transformers folder say about how it embeds and compares.

The folder's ``modules.json``, ``config_sentence_transformers.json`` and ``router_config.json`` are
read as data. What the library would apply is carried over to the embedding protocol; what
evalsuite does not apply is refused here, by file and key, before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

from evalsuite.checkpoint.folder import Folder, class_name, read_object
from evalsuite.errors import CheckpointError
from evalsuite.schema import Similarity

CONFIG: Final = "config_sentence_transformers.json"

_OTHER_MODELS: Final = {
    "CrossEncoder": "a reranker, which scores pairs of texts and has no vectors",
    "SparseEncoder": "a sparse encoder, whose vectors are as long as a vocabulary",
    "ColBERT": "a late-interaction model, but model_type does not say MultiVectorEncoder",
}
"""``model_type`` → what such a model is."""
_LATE_INTERACTION: Final = ("MultiVectorEncoder", "ColBERT")
"""``model_type`` of sentence-transformers and of PyLate for models with a vector for each token."""
_OTHER_MODULES: Final = {
    "LogitScore": "CrossEncoder",
    "MLMTransformer": "SparseEncoder",
    "SpladePooling": "SparseEncoder",
    "SparseAutoEncoder": "SparseEncoder",
    "CSRSparsity": "SparseEncoder",
    "SparseStaticEmbedding": "SparseEncoder",
    "IDF": "SparseEncoder",
    "MultiVectorMask": "ColBERT",
    "TokenPooling": "ColBERT",
}
"""Class of a module → the model type that it belongs to."""
_COLBERT_KEYS: Final = ("query_prefix", "document_prefix", "attend_to_expansion_tokens")
"""Keys that PyLate writes into :data:`CONFIG`."""
_APPLIED: Final = frozenset({
    "Transformer", "Pooling", "Dense", "Normalize", "LayerNorm", "WeightedLayerPooling", "CNN",
    "LSTM", "StaticEmbedding", "BoW", "Dropout", "WordEmbeddings", "WordWeights", "Router", "Asym",
})  # fmt: skip
"""Classes of modules that are compared with the library in ``bench/checkpoint_zoo.py``."""
_APPLIED_TO_TOKENS: Final = frozenset({
    "Transformer", "Dense", "Normalize", "MultiVectorMask", "HierarchicalTokenPooling",
})  # fmt: skip
"""The same of late-interaction models."""
_POOLS: Final = frozenset({"Pooling", "StaticEmbedding", "BoW"})
"""Modules that make one vector of a text's tokens."""
_ROUTERS: Final = ("Router", "Asym")
_SIMILARITIES: Final = ("cosine", "dot", "euclidean", "manhattan")


@dataclass(frozen=True, slots=True)
class Brought:
    """How a sentence-transformers folder embeds and compares.

    Attributes:
        prompts: Texts put before texts, by task name, task type or side.
        default_prompt: Name of the prompt of texts that are neither query nor document.
        similarity: How two vectors are compared.
        routed: Whether queries and documents go through different modules.
        modules: The modules behind the transformer, in order, with what sets them apart.
        truncate_dim: Leading numbers of a vector that are kept; ``None`` for all.
    """

    prompts: dict[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    similarity: Similarity = "cosine"
    routed: bool = False
    modules: str | None = None
    truncate_dim: int | None = None


def brought(folder: Folder, *, trusted: bool = False) -> Brought:
    """Read how a folder embeds and compares.

    Args:
        folder: With ``modules.json``.
        trusted: Whether modules of its own are allowed; they are run as they are.

    Raises:
        CheckpointError: If it is a model of another type, or has a module, a similarity or a
            prompt that evalsuite cannot apply.
    """
    path = folder.path / CONFIG
    config = read_object(path)
    if config.get("model_type") in _LATE_INTERACTION:
        return _late_interaction(folder, config, trusted=trusted)
    _refuse_other_model(folder, config)
    _refuse_unknown_modules(folder, trusted=trusted)
    similarity = config.get("similarity_fn_name") or "cosine"
    if similarity not in _SIMILARITIES:
        raise CheckpointError(
            f"{path}: similarity_fn_name is {similarity!r}, which does not compare single vectors",
            f"evalsuite knows {', '.join(_SIMILARITIES)}",
        )
    default = config.get("default_prompt_name")
    prompts = folder.prompts
    if default is not None and default not in (*prompts, "query", "document"):
        raise CheckpointError(
            f"{path}: default_prompt_name is {default!r}, but 'prompts' has no such name",
            f"add it to 'prompts' ({', '.join(prompts) or 'which is empty'}), or remove the key",
        )
    size = config.get("truncate_dim")
    return Brought(
        prompts=prompts,
        default_prompt=default if default and prompts.get(default) else None,
        similarity=cast(Similarity, similarity),
        routed=any(_class(module) in _ROUTERS for module in folder.modules),
        modules=_described(folder) + (f">first {size}" if size else ""),
        truncate_dim=size if isinstance(size, int) else None,
    )


def _late_interaction(folder: Folder, config: dict[str, Any], *, trusted: bool) -> Brought:
    """How a model with a vector for each token embeds and compares.

    Raises:
        CheckpointError: If it has a module or a similarity that evalsuite cannot apply.
    """
    for module in folder.modules:
        kind = str(module.get("type"))
        own = not kind.startswith(("sentence_transformers.", "pylate."))
        if _class(module) not in _APPLIED_TO_TOKENS and not (own and trusted):
            raise CheckpointError(
                f"{folder.path / 'modules.json'} names the module {kind!r}, which evalsuite does "
                "not apply to late-interaction models",
                "evaluate it with mteb itself",
            )
    # PyLate writes the name in capitals; where none is stated, it is the sum.
    stated = str(config.get("similarity_fn_name") or "maxsim").lower()
    if stated not in ("maxsim", "meanmaxsim"):
        raise CheckpointError(
            f"{folder.path / CONFIG}: similarity_fn_name is {stated!r}, which does not compare "
            "texts that have several vectors",
            "late-interaction models have 'maxsim' or 'meanmaxsim'",
        )
    prompts = folder.prompts
    for side in ("query", "document"):
        if prefix := config.get(f"{side}_prefix"):
            prompts = {**prompts, side: prefix + prompts.get(side, "").removeprefix(prefix)}
    return Brought(
        prompts=prompts,
        similarity=cast(Similarity, stated),
        routed=True,
        modules=_described(folder),
    )


def _refuse_other_model(folder: Folder, config: dict[str, Any]) -> None:
    """Refuse what the library would turn into a dense encoder with a pooling of its own choice."""
    path = folder.path / CONFIG
    stated = config.get("model_type", "SentenceTransformer")
    key = f"{path}: model_type is {stated!r}"
    if stated == "SentenceTransformer":
        for module in folder.modules:
            if other := _OTHER_MODULES.get(_class(module)):
                stated, key = other, f"{folder.path / 'modules.json'} has a {_class(module)} module"
        similarity = config.get("similarity_fn_name")
        if str(similarity).lower() in ("maxsim", "meanmaxsim"):
            stated, key = "ColBERT", f"{path}: similarity_fn_name is {similarity!r}"
        elif found := next((name for name in _COLBERT_KEYS if name in config), None):
            stated, key = "ColBERT", f"{path} has {found!r}"
    if stated == "SentenceTransformer":
        return
    what = _OTHER_MODELS.get(str(stated), "not a model with one dense vector a text")
    raise CheckpointError(
        f"{key}: {what}; evalsuite would need an encoder for such models",
        "evaluate it with mteb itself, or pass --as encoder to embed with its weights alone",
    )


def _refuse_unknown_modules(folder: Folder, *, trusted: bool) -> None:
    listed = [(folder.path / "modules.json", module) for module in folder.modules]
    listed += [(folder.path, {"type": name}) for name in folder.routed_types]
    for path, module in listed:
        kind = module.get("type")
        own = not str(kind).startswith("sentence_transformers.")
        if _class(module) not in _APPLIED and not (own and trusted):
            raise CheckpointError(
                f"{path} names the module {kind!r}, which evalsuite does not apply",
                "pass --as encoder or --as causal to embed with its weights alone",
            )
    names = {_class(module) for _, module in listed}
    if names & set(_ROUTERS) and not folder.routes:
        raise CheckpointError(
            f"{folder.path}: the router has no routes ('structure' in router_config.json)",
            "restore the original file",
        )
    if not trusted and not names & _POOLS:
        raise CheckpointError(
            f"{folder.path / 'modules.json'} has no module that makes one vector of a text "
            f"({', '.join(sorted(_POOLS))})",
            "of a late-interaction model, model_type in config_sentence_transformers.json must be "
            "MultiVectorEncoder or ColBERT; else pass --as encoder",
        )


def _described(folder: Folder) -> str:
    return ">".join(_parts(folder)) or "none"


def _parts(folder: Folder) -> Iterator[str]:
    for module in folder.modules:
        name = _class(module)
        config = read_object(folder.path / str(module.get("path", "")) / "config.json")
        if name == "Pooling":
            yield _pooling(config)
        elif name == "Dense":
            yield f"Dense({config.get('out_features')})"
        elif name in _ROUTERS:
            yield f"Router({'/'.join(folder.routes)})"
        elif name not in ("Transformer", "Dropout"):
            yield name


def _pooling(config: dict[str, Any]) -> str:
    """The pooling's modes; older files have a switch for each instead of ``pooling_mode``."""
    modes = config.get("pooling_mode") or [
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, value in config.items()
        if key.startswith("pooling_mode_") and value is True
    ]
    return "+".join(modes) if isinstance(modes, list) else str(modes)


def _class(module: dict[str, Any]) -> str:
    return class_name(module.get("type"))
