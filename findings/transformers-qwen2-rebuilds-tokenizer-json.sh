#!/usr/bin/env bash
# transformers 5.19.0: AutoTokenizer replaces the pipeline of tokenizer.json where the model is qwen2.
#
# The same tokenizer.json (BPE with Metaspace, as SentencePiece models have it) is loaded beside a
# config.json with model_type llama and with model_type qwen2. For llama the ids are those of the
# tokenizers library reading the file itself. For qwen2, Qwen2Tokenizer keeps the vocabulary and
# puts its own byte-level pipeline in the place of the file's: the tokens for spaces are gone, the
# decoded text has lost its spaces, and nothing is reported.
#
# Exits with 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    transformers==5.19.0 tokenizers==0.23.3
cd "$work"
HF_HUB_OFFLINE=1 "$work/venv/bin/python" - 2>/dev/null <<'PY'
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

letters = ["<unk>", *sorted("thecandolg ▁")]
core = Tokenizer(
    models.BPE(vocab={one: i for i, one in enumerate(letters)}, merges=[], unk_token="<unk>")
)
core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
folder = Path("model")
folder.mkdir()
core.save(str(folder / "tokenizer.json"))
(folder / "tokenizer_config.json").write_text(json.dumps({"unk_token": "<unk>"}))
text = "the cat"
right = core.encode(text).ids
print(f"tokenizers: {right} {core.decode(right)!r}")
seen = {}
for kind in ("llama", "qwen2"):
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    loaded = AutoTokenizer.from_pretrained(folder)
    ids = loaded(text, add_special_tokens=False).input_ids
    seen[kind] = (ids == right, loaded.decode(ids))
    print(f"{kind}: {type(loaded).__name__} {ids} {loaded.decode(ids)!r}")
expected = {"llama": (True, "the cat"), "qwen2": (False, "thecat")}
raise SystemExit(0 if seen == expected else 1)
PY
