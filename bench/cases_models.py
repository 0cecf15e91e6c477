"""The cases about checkpoints: F4 to F8 and F16.

Kinds of the checkpoint zoo, through the command line: a small STS or retrieval task on made-up text
is scored, and the right score follows from the vectors that the model's own library gives of each
text alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cases_tools import Line
from zoo import Equal, Side, Vectors
from zoo_parts import WORDS

Build = Callable[[Path], Equal]
WITHIN = 1e-3


def sentences(count: int, shortest: int, longest: int, seed: int) -> list[str]:
    """Made-up texts of words that the zoo's tokenizers know."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(shortest, longest))) for _ in range(count)]


class Pairs:
    """An STS task: pairs of texts that share a beginning, rated by how much they share."""

    def __init__(self, line: Line, *, longest: int = 12) -> None:
        first = sentences(40, longest // 2, longest, 1)
        other = sentences(40, longest // 2, longest, 2)
        draw = random.Random(3)
        self.kept = [draw.randint(0, 5) for _ in first]
        self.first = first
        self.second = [
            " ".join([*one.split()[:kept], *two.split()[kept:]])
            for one, two, kept in zip(first, other, self.kept, strict=True)
        ]
        rows = [
            {"sentence1": one, "sentence2": two, "score": kept}
            for one, two, kept in zip(self.first, self.second, self.kept, strict=True)
        ]
        self.name = line.task("pairs", "mteb", {"test": line.rows("pairs", rows)}, type="sts")

    def right(self, vectors: Callable[[list[str], Side], Vectors]) -> float:
        """Spearman's correlation of the cosines with the ratings."""
        from scipy.stats import spearmanr

        left, other = (np.asarray(vectors(texts, "text")) for texts in (self.first, self.second))
        norms = np.linalg.norm(left, axis=1) * np.linalg.norm(other, axis=1)
        found = spearmanr(self.kept, (left * other).sum(axis=1) / norms)
        return float(found.statistic)


class Search:
    """A retrieval task: queries of words from one document each."""

    def __init__(self, line: Line) -> None:
        self.documents = sentences(60, 4, 14, 4)
        draw = random.Random(5)
        self.queries = [" ".join(draw.sample(text.split(), 3)) for text in self.documents[:30]]
        judged = [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(30)]
        files = {
            "corpus": [{"id": f"d{n}", "text": text} for n, text in enumerate(self.documents)],
            "queries": [{"id": f"q{n}", "text": text} for n, text in enumerate(self.queries)],
            "qrels": judged,
        }
        data = {role: line.rows(role, rows) for role, rows in files.items()}
        self.name = line.task("search", "mteb", data, type="retrieval")

    def right(self, expected: Equal) -> float:
        """What nDCG at 10 is, by definition: one document is right for each query."""
        assert expected.vectors is not None
        assert expected.similarity is not None
        queries = expected.vectors(self.queries, "query")
        found = np.asarray(
            expected.similarity(queries, expected.vectors(self.documents, "document"))
        )
        ranks = [int((row > row[n]).sum()) for n, row in enumerate(found)]
        return math.fsum(1 / math.log2(rank + 2) for rank in ranks if rank < 10) / len(ranks)


def check(
    line: Line, asked: str, build: Build, task: Pairs | Search, *options: str, kept: str = "m"
) -> None:
    """Evaluate a kind on a task, and compare."""
    folder = line.folder / kept
    expected = build(folder)
    code, text = line.run(
        expected.source or folder, task.name, more=("--out", f"{kept}-results", *options)
    )
    if code:
        line.is_right(asked, False, f"exit {code}: {text[-300:]}")
        return
    if isinstance(task, Search):
        right = task.right(expected)
    else:
        assert expected.vectors is not None
        right = task.right(expected.vectors)
    line.is_value(asked, line.record(task.name, f"{kept}-results").score, right, WITHIN)


def gguf(line: Line) -> None:
    """F4: RoPE scaling and BOS of GGUF files."""
    import zoo_gguf as z

    pairs = Pairs(line, longest=60)
    files: dict[str, Any] = {
        "plain": z.File(pooled=True),
        "linear": z.File(rope={"rope_type": "linear", "factor": 8.0}, keys=z.linear, pooled=True),
        "yarn": z.File(rope=z.YARN, keys=z.yarn, pooled=True),
        "llama3": z.File(rope=z.LLAMA3, factors=z.llama3_factors(), pooled=True),
    }
    for name, file in files.items():
        check(line, f"RoPE {name}", z.written(file), pairs, "--pooling", "last", kept=name)
    expected = z.written(z.File(bos=True))(line.folder / "bos")
    more = ("--dry-run", "--pooling", "last")
    _, text = line.run(expected.source or line.folder, pairs.name, more=more)
    ids = text.partition("first token ids: ")[2][:10]
    line.is_right("add_bos_token: texts begin with BOS", ids.startswith("1 "), ids)
    longrope = z.File(keys=lambda one: one.add_rope_scaling_type(z.gguf.RopeScalingType.LONGROPE))
    z.written(longrope)(line.folder / "longrope")
    done = line.run(line.folder / "longrope" / "m.gguf", pairs.name)
    line.is_refused("a scaling that cannot be carried over", done, 3, "rope.scaling.type")


def tokenizers(line: Line) -> None:
    """F5: the ids of the checkpoint's own file."""
    import zoo_models as z

    pairs = Pairs(line)
    named = z.config_of_tokenizer
    kinds = {
        "byte-level file named LlamaTokenizerFast": z.tokenized(
            named(tokenizer_class="LlamaTokenizerFast")
        ),
        "another pipeline below qwen2": z.tokenized(lambda _: None, family="qwen2"),
        "add_eos_token": z.tokenized(named(add_eos_token=True), behind=[z.EOS]),
    }
    for number, (name, build) in enumerate(kinds.items()):
        check(line, name, build, pairs, "--pooling", "last", kept=f"m{number}")


def adapters(line: Line) -> None:
    """F6: adapters on tied layers compute what PEFT's own model does."""
    import zoo_models as z

    pairs = Pairs(line)
    for number, layer in enumerate(("embed_tokens", "lm_head")):
        kind = z.adapter(True, target_modules=["q_proj", layer])
        check(line, f"LoRA on {layer}", _with_vectors(kind), pairs, "--pooling", "last",
              "--base", f"m{number}_base", kept=f"m{number}")  # fmt: skip
        _choices(line, f"m{number}", layer)


def _peft(path: Path) -> tuple[Any, Any]:
    """PEFT's own model of an adapter of the zoo, and its tokenizer."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from zoo_parts import byte_tokenizer

    base = path.with_name(path.name + "_base")
    plain = AutoModelForCausalLM.from_pretrained(base)
    return PeftModel.from_pretrained(plain, str(path)).eval(), byte_tokenizer()


def _with_vectors(kind: Build) -> Build:
    """The same adapter; right are the hidden states of PEFT's own model."""

    def build(path: Path) -> Equal:
        import torch

        kind(path)
        model, core = _peft(path)

        def vectors(texts: list[str], _: Side) -> Vectors:
            rows = [torch.tensor([core.encode(text).ids]) for text in texts]
            with torch.inference_mode():
                found = [model(row, output_hidden_states=True).hidden_states[-1] for row in rows]
            return torch.stack([one[0, -1] for one in found]).numpy()

        return Equal(vectors)

    return build


def _choices(line: Line, folder: str, layer: str) -> None:
    """Multiple choice: the choice is the one whose logits PEFT's own model has highest."""
    prompts = sentences(12, 3, 6, 6)
    options = ["red", "cat", "big"]
    model, core = _peft(line.folder / folder)
    best = [
        max(range(3), key=lambda n, said=said: _likelihood(model, core, said, options[n]))
        for said in prompts
    ]
    given = [(pick + (number % 3 == 0)) % 3 for number, pick in enumerate(best)]
    rows = [
        {"q": said, "o": options, "t": target} for said, target in zip(prompts, given, strict=True)
    ]
    name = line.task(
        "choices", "lm_eval", {"test": line.rows("choices", rows)},
        type="multiple_choice", prompt="{{q}}", choices="{{o}}", target="{{t}}",
    )  # fmt: skip
    out = f"{folder}-choices"
    line.run(line.folder / folder, name, more=("--out", out, "--base", f"{folder}_base"))
    line.is_value(f"LoRA on {layer}: 8 of 12 choices", line.record(name, out).score, 8 / 12)


def _likelihood(model: Any, core: Any, said: str, choice: str) -> float:
    import torch

    before, whole = core.encode(said).ids, core.encode(f"{said} {choice}").ids
    assert whole[: len(before)] == before
    with torch.inference_mode():
        logs = torch.log_softmax(model(torch.tensor([whole])).logits[0].double(), dim=-1)
    places: Sequence[int] = range(len(before), len(whole))
    return float(sum(logs[place - 1, whole[place]] for place in places))


def sentence_transformers(line: Line) -> None:
    """F7: similarity, routes and default prompt are the library's."""
    import zoo_sentence_transformers as z

    search = Search(line)
    mean = z.pooled("mean")
    for name in ("cosine", "dot", "euclidean"):
        build = z.folder(mean, similarity_fn_name=name)
        check(line, f"similarity {name}", build, search, kept=name)
    check(line, "a Dense for queries, another for documents", z.routed("last"), search, kept="ways")
    check(line, "transformers by side", z.routed("first"), search, kept="bodies")
    prompts = {"query": "query : ", "document": "passage : "}
    build = z.folder(mean, prompts=prompts, default_prompt_name="query")
    check(line, "default_prompt_name: query, STS", build, Pairs(line), kept="prompt")


def neighbours(line: Line) -> None:
    """F8: CLS pooling with padding on the left."""
    import zoo_sentence_transformers as z

    build = z.folder(z.pooled("cls"), body={"padding_side": "left"})
    check(line, "CLS, padding left: as every text alone", build, Search(line))
    cnn = z.folder(lambda: z.m.CNN(32, 16), lambda: z.m.Pooling(48, "mean"))
    cnn(line.folder / "cnn")
    done = line.run(line.folder / "cnn", "search", more=("--out", "cnn-results"))
    line.is_refused("a module that reads padding", done, 1, "depend")


def positions(line: Line) -> None:
    """F16: a RoBERTa reads fewer tokens than it has positions."""
    import zoo_sentence_transformers as z
    from zoo_parts import word_tokenizer

    special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
    offset = {
        "pad_token_id": 1, "tokenizer": word_tokenizer(first=special),
        "max_position_embeddings": 34, "model_max_length": 10**9,
    }  # fmt: skip
    build = z.folder(z.pooled("mean"), family="roberta", body=offset, cut=32)
    check(line, "34 positions, texts of 60 words", build, Pairs(line, longest=60))


CASES = {
    "F4": gguf,
    "F5": tokenizers,
    "F6": adapters,
    "F7": sentence_transformers,
    "F8": neighbours,
    "F16": positions,
}
