"""Folders of sentence-transformers: modules, poolings, padding, prompts, similarities, routers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.sentence_transformer import modules as m

from zoo import Equal, Kind, Refused, Side, Vectors
from zoo_parts import WORDS, change, decoder, encoder_body, word_tokenizer

PROMPTS = {"query": "query : ", "document": "passage : "}


def library(path: Path, cut: int | None = None) -> Callable[[list[str], Side], Vectors]:
    """Vectors of each text alone, as mteb's wrapper asks the library for them."""
    model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
    if cut is not None:
        model.max_seq_length = cut

    def encode(texts: list[str], side: Side) -> Vectors:
        ask = {"query": model.encode_query, "document": model.encode_document}.get(
            side, model.encode
        )
        return ask(texts, batch_size=1, show_progress_bar=False)

    return encode


def similarity(path: Path) -> Callable[[Vectors, Vectors], Vectors]:
    """The library's own comparison."""
    model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
    return lambda left, right: model.similarity(left, right).numpy()


def folder(
    *modules: Callable[[], Any],
    body: dict[str, Any] | None = None,
    family: str = "bert",
    cut: int | None = None,
    **model: Any,
) -> Callable[[Path], Equal]:
    """A folder of a transformer and modules behind it.

    Args:
        modules: Make the modules.
        body: Settings of the transformer.
        family: Of the transformer.
        cut: Tokens that the library is told to cut texts after, where it would fail by itself.
        model: Settings of the model.
    """

    def build(path: Path) -> Equal:
        settings = dict(body or {})
        longest = settings.pop("max_seq_length", None)
        source = path.with_name(path.name + "_body")
        if family in ("llama", "qwen3", "gpt2"):
            decoder(source, family, body=True, **settings)
        else:
            encoder_body(source, family, **settings)
        torch.manual_seed(7)
        first = Transformer(str(source), **({"max_seq_length": longest} if longest else {}))
        made = [first, *(one() for one in modules)]
        SentenceTransformer(modules=made, device="cpu", **model).save(str(path))
        return Equal(library(path, cut), similarity=similarity(path))

    return build


def pooled(mode: Any, **more: Any) -> Callable[[], Any]:
    """A pooling."""
    return lambda: m.Pooling(32, pooling_mode=mode, **more)


def routed(place: str, **settings: Any) -> Callable[[Path], Equal]:
    """A router: of whole transformers (``first``), or of Dense modules behind one (``last``)."""

    def build(path: Path) -> Equal:
        bodies = [
            encoder_body(path.with_name(f"{path.name}_{number}"), seed=number) for number in (0, 1)
        ]
        if place == "first":
            ways = [[Transformer(str(body)), m.Pooling(32, "mean")] for body in bodies]
            modules: list[Any] = []
        else:
            torch.manual_seed(3)
            ways = [[Dense(32, 16)], [Dense(32, 16)]]
            modules = [Transformer(str(bodies[0])), m.Pooling(32, "mean")]
        router = Router.for_query_document(
            query_modules=ways[0], document_modules=ways[1], **settings
        )
        SentenceTransformer(modules=[*modules, router], device="cpu").save(str(path))
        return Equal(library(path), similarity=similarity(path))

    return build


def without_transformer(*modules: Callable[[], Any]) -> Callable[[Path], Equal]:
    """A folder whose first module is no transformer."""

    def build(path: Path) -> Equal:
        torch.manual_seed(4)
        SentenceTransformer(modules=[one() for one in modules], device="cpu").save(str(path))
        return Equal(library(path), similarity=similarity(path))

    return build


def word_embeddings() -> Any:
    """One vector a word, and a tokenizer that splits at spaces."""
    from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer

    torch.manual_seed(5)
    return m.WordEmbeddings(
        WhitespaceTokenizer([*WORDS, "<pad>"]), torch.randn(len(WORDS) + 1, 32).numpy()
    )


def static() -> Any:
    """One vector a token, and a mean."""
    torch.manual_seed(6)
    core = word_tokenizer()
    return m.StaticEmbedding(core, embedding_weights=torch.randn(core.get_vocab_size(), 32).numpy())


def edited(
    build: Callable[[Path], Equal], expected: str, file: str, **keys: Any
) -> Callable[[Path], Refused]:
    """A folder with some keys of one file changed, which has to be refused."""

    def make(path: Path) -> Refused:
        build(path)
        change(path / file, **keys)
        return Refused(expected)

    return make


def refused_for(build: Callable[[Path], Equal], expected: str) -> Callable[[Path], Refused]:
    """A folder that has to be refused as it is."""

    def make(path: Path) -> Refused:
        build(path)
        return Refused(expected)

    return make


def with_module(kind: str, expected: str) -> Callable[[Path], Refused]:
    """A plain folder with one more module, of a class that makes no dense vectors."""

    def make(path: Path) -> Refused:
        plain(path)
        stored = json.loads((path / "modules.json").read_text())
        (path / "9_X").mkdir()
        stored.append({"idx": 9, "name": "9", "path": "9_X", "type": kind})
        (path / "modules.json").write_text(json.dumps(stored))
        return Refused(expected)

    return make


plain = folder(pooled("mean"))
CONFIG = "config_sentence_transformers.json"


def kinds() -> Iterator[Kind]:
    """All of them."""
    yield from _poolings()
    yield from _modules()
    yield from _decisions()
    yield from _refused()


def _poolings() -> Iterator[Kind]:
    modes = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
    for mode in modes:
        for side in ("right", "left"):
            build = folder(pooled(mode), body={"padding_side": side})
            yield Kind("pooling", f"{mode}, absolute positions, padding {side}", build)
        rotary = {"tokenizer_settings": {"padding_side": "left"}}
        build = folder(pooled(mode), family="qwen3", body=rotary)
        yield Kind("pooling", f"{mode}, rotary positions, padding left", build)
    yield Kind("pooling", "mean and cls together", folder(pooled(("mean", "cls"))))
    for mode in ("mean", "cls", "weightedmean"):
        build = folder(pooled(mode, include_prompt=False), prompts=PROMPTS)
        yield Kind("pooling", f"{mode} without the prompt", build)
    left = {"padding_side": "left"}
    build = folder(pooled("cls", include_prompt=False), prompts=PROMPTS, body=left)
    yield Kind("pooling", "cls without the prompt, padding left", build)


def _modules() -> Iterator[Kind]:
    mean = pooled("mean")
    yield Kind("modules", "Normalize", folder(mean, Normalize))
    yield Kind("modules", "Dense", folder(mean, lambda: Dense(32, 8)))
    two = folder(mean, lambda: Dense(32, 24), lambda: Dense(24, 8), Normalize)
    yield Kind("modules", "two Dense, Normalize", two)
    relu = folder(mean, lambda: Dense(32, 8, bias=False, activation_function=torch.nn.ReLU()))
    yield Kind("modules", "Dense without bias, ReLU", relu)
    yield Kind("modules", "LayerNorm", folder(mean, lambda: m.LayerNorm(32)))
    yield Kind("modules", "Dropout", folder(mean, lambda: m.Dropout(0.5)))
    deep = folder(
        lambda: m.WeightedLayerPooling(32, num_hidden_layers=2, layer_start=1),
        mean,
        body={"output_hidden_states": True},
    )
    yield Kind("modules", "WeightedLayerPooling", deep)
    # The library's own CNN reads padding: its vectors depend on the batch.
    cnn = refused_for(folder(lambda: m.CNN(32, 16), lambda: m.Pooling(48, "mean")), "depends on")
    yield Kind("modules", "CNN, which reads padding", cnn)
    lstm = without_transformer(word_embeddings, lambda: m.LSTM(32, 16), mean)
    yield Kind("modules", "WordEmbeddings, LSTM", lstm)
    yield Kind("modules", "StaticEmbedding", without_transformer(static))
    yield Kind("modules", "StaticEmbedding, Normalize", without_transformer(static, Normalize))
    yield Kind("modules", "BoW", without_transformer(lambda: m.BoW(list(WORDS))))
    bow = without_transformer(lambda: m.BoW(list(WORDS)), lambda: Dense(len(WORDS), 16))
    yield Kind("modules", "BoW, Dense", bow)
    words = without_transformer(word_embeddings, mean)
    yield Kind("modules", "WordEmbeddings", words)
    weighed = without_transformer(
        word_embeddings,
        lambda: m.WordWeights(
            list(WORDS), {word: 0.5 + number / 9 for number, word in enumerate(WORDS)}
        ),
        mean,
    )
    yield Kind("modules", "WordEmbeddings, WordWeights", weighed)
    lower = folder(mean, body={"max_seq_length": 12})
    yield Kind("modules", "max_seq_length 12", lower)
    yield Kind("modules", "do_lower_case", _lower_case)
    offset = {"pad_token_id": 1, "tokenizer": word_tokenizer(first=_ROBERTA),
              "max_position_embeddings": 34, "model_max_length": 10**9}  # fmt: skip
    yield Kind("modules", "RoBERTa with 34 positions, of which 32 can be used",
               folder(mean, family="roberta", body=offset, cut=32))  # fmt: skip


_ROBERTA = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]


def _lower_case(path: Path) -> Equal:
    plain(path)
    change(path / "sentence_bert_config.json", do_lower_case=True)
    return Equal(library(path), similarity=similarity(path))


def _decisions() -> Iterator[Kind]:
    mean = pooled("mean")
    for name in ("cosine", "dot", "euclidean", "manhattan"):
        build = folder(mean, similarity_fn_name=name)
        yield Kind("similarity", name, build)
    yield Kind("similarity", "dot, unit vectors", folder(mean, Normalize, similarity_fn_name="dot"))
    yield Kind("prompts", "query and document", folder(mean, prompts=PROMPTS))
    yield Kind("prompts", "passage, which is not used",
               folder(mean, prompts={"query": "query : ", "passage": "passage : "}))  # fmt: skip
    for name in ("query", "search"):
        prompts = {"query": "query : ", "search": "search : "}
        build = folder(mean, prompts=prompts, default_prompt_name=name)
        yield Kind("prompts", f"default_prompt_name {name}", build)
    yield Kind("dimension", "truncate_dim 8", folder(mean, truncate_dim=8))
    yield Kind("dimension", "truncate_dim 8 behind Normalize",
               folder(mean, Normalize, truncate_dim=8))  # fmt: skip
    yield Kind("router", "transformers by side", routed("first"))
    yield Kind("router", "Dense by side", routed("last"))
    yield Kind("router", "default route query", routed("last", default_route="query"))


def _refused() -> Iterator[Kind]:
    for stated in ("CrossEncoder", "SparseEncoder", "Reranker2"):
        build = edited(plain, f"model_type is '{stated}'", CONFIG, model_type=stated)
        yield Kind("other models", f"model_type {stated}", build)
    pools = edited(plain, "does not apply to late-interaction", CONFIG, model_type="ColBERT")
    yield Kind("other models", "a late-interaction model that pools", pools)
    for name in ("MaxSim", "maxsim", "angle"):
        build = edited(plain, "similarity_fn_name is", CONFIG, similarity_fn_name=name)
        yield Kind("other models", f"similarity_fn_name {name}", build)
    build = edited(plain, "'query_prefix'", CONFIG, query_prefix="[Q] ")
    yield Kind("other models", "keys of PyLate", build)
    for kind, says in (
        ("sentence_transformers.sparse_encoder.modules.SpladePooling", "a sparse encoder"),
        ("sentence_transformers.cross_encoder.modules.LogitScore", "a reranker"),
        ("sentence_transformers.multi_vector_encoder.modules.MultiVectorMask", "late-interaction"),
        ("sentence_transformers.models.CLIPModel", "does not apply"),
        ("pylate.models.Dense.Dense", "brings its own module"),
    ):
        yield Kind("other models", f"module {kind.rpartition('.')[2]}", with_module(kind, says))
    yield Kind("other models", "a transformer without a pooling", _unpooled)
    build = edited(plain, "default_prompt_name is 'x'", CONFIG, default_prompt_name="x")
    yield Kind("prompts", "default_prompt_name that is not there", build)


def _unpooled(path: Path) -> Refused:
    plain(path)
    stored = json.loads((path / "modules.json").read_text())
    (path / "modules.json").write_text(json.dumps(stored[:1]))
    return Refused("no module that makes one vector")
