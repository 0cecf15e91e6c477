#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: --dist loadgroup keeps no group together.
#
# Tests marked with the same xdist_group are documented to run in one worker. pytest-xdist names
# the group by writing it into the private attribute `_nodeid` of a test item. pytest 9.2 makes
# `nodeid` of another attribute, so the scheduler never sees the group and deals out the tests one
# by one. Nothing is reported: what the tests of a group share is made once in each worker. With
# pytest 9.1.0 the same files run as documented. --dist loadfile and loadscope are not concerned.
#
# Exits with 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
mkdir "$work/tests"
cat > "$work/tests/test_group.py" <<'PY'
import os
import time
from pathlib import Path

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(6))
def test_in_the_group(number):
    time.sleep(0.5)
    Path(os.environ["SEEN"], os.environ["PYTEST_XDIST_WORKER"]).touch()
PY
workers() {
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0
    export SEEN="$work/seen-$1"
    mkdir "$SEEN"
    (cd "$work/tests" && "$work/venv/bin/pytest" -q -n 2 --dist loadgroup -p no:cacheprovider) >/dev/null
    ls "$SEEN" | wc -l
}
before=$(workers 9.1.0)
now=$(workers 9.2.0)
echo "workers that ran the one group: $before with pytest 9.1.0, $now with pytest 9.2.0"
[ "$before $now" = "1 2" ] || { echo "this behaviour has changed"; exit 1; }
