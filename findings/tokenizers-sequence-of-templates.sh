#!/usr/bin/env bash
# tokenizers 0.23.3: two TemplateProcessing in a processors.Sequence give the end token twice.
#
# A post-processor that puts <s> before a text and one that puts </s> behind it work alone. In a
# Sequence, the second takes the first one's output for a pair of two parts, the special token and
# the text, and applies its pair template: "a b" becomes <s> </s> a b </s> instead of <s> a b </s>.
# Nothing is reported. Whoever adds an end token to a tokenizer in this way gets one after BOS too.
#
# Exits with 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
"$work/venv/bin/python" - <<'PY'
from tokenizers import Tokenizer, models, pre_tokenizers, processors

words = {"<s>": 0, "</s>": 1, "a": 2, "b": 3}
begin = processors.TemplateProcessing(
    single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
)
end = processors.TemplateProcessing(
    single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
)
tokenizer = Tokenizer(models.WordLevel(words, unk_token="a"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
seen = {}
for name, processor in (
    ("begin alone", begin),
    ("end alone", end),
    ("both in a Sequence", processors.Sequence([begin, end])),
):
    tokenizer.post_processor = processor
    seen[name] = tokenizer.encode("a b").tokens
    print(f"{name}: {seen[name]}")
expected = {
    "begin alone": ["<s>", "a", "b"],
    "end alone": ["a", "b", "</s>"],
    "both in a Sequence": ["<s>", "</s>", "a", "b", "</s>"],
}
raise SystemExit(0 if seen == expected else "this behaviour has changed")
PY
