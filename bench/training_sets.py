"""The training sets that mteb's registry of models declares, as the file that evalsuite ships.

Writes ``evalsuite/results/in_domain/mteb.json``: each model with the tasks that mteb counts as
seen in training (``ModelMeta.get_training_datasets``, data sets that are parts or translations of
each other included). Run it when mteb is updated::

    python bench/training_sets.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "evalsuite" / "results" / "in_domain" / "mteb.json"


def declared() -> dict[str, Any]:
    """The content of the file."""
    import mteb
    from mteb.models.model_implementations import MODEL_REGISTRY

    sets: dict[tuple[str, ...], int] = {}
    models: dict[str, int] = {}
    for name, meta in sorted(MODEL_REGISTRY.items()):
        if meta.training_datasets:
            found = tuple(sorted(meta.get_training_datasets() or ()))
            models[name] = sets.setdefault(found, len(sets))
    return {"mteb": mteb.__version__, "sets": [list(one) for one in sets], "models": models}


def main() -> int:
    """Write the file."""
    content = declared()
    lines = [json.dumps(one) for one in content["sets"]]
    models = json.dumps(content["models"], indent=0)
    text = f'{{"mteb": "{content["mteb"]}",\n"sets": [\n' + ",\n".join(lines)
    FILE.write_text(f'{text}\n],\n"models": {models}}}\n')
    print(f"{FILE.name}: {len(content['models'])} models, {len(lines)} sets of data sets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
