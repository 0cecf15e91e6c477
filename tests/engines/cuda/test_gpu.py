"""What is decided about a GPU, for machines that are not here: only their facts are made up."""

from __future__ import annotations

import pytest

from evalsuite.engines.cuda.gpu import (
    GIB,
    Gpu,
    Survey,
    check_room,
    choose,
    vllm_share,
    why_unusable,
)
from evalsuite.errors import EngineError, UsageError
from helpers.gpus import FAKE, survey


def test_auto_is_the_gpu_and_cpu_is_the_cpu() -> None:
    assert choose("auto", survey()) == FAKE
    assert choose("cuda", survey()) == FAKE
    assert choose("cpu", survey()) is None


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Survey(node=False), "no NVIDIA driver on this machine; pass --device cpu, or install"),
        (survey(built=None, gpu=None), "torch was built without CUDA; .*evalsuite.cuda."),
        (survey(visible=""), "CUDA_VISIBLE_DEVICES= hides all GPUs; unset it"),
        (survey(visible="-1", gpu=None), "CUDA_VISIBLE_DEVICES=-1 hides all GPUs"),
        (
            survey(driver="535.104.05", gpu=None, problem="The NVIDIA driver is too old"),
            "driver 535.104.05 is too old for torch built for CUDA 13.0, which needs 580 or later",
        ),
        (
            survey(visible="7", cards=2, gpu=None, problem="No CUDA GPUs are available"),
            "CUDA_VISIBLE_DEVICES=7 names no GPU of this machine, which has 2; name one of",
        ),
        (
            survey(gpu=None, problem="CUDA unknown error"),
            "torch can use no GPU: CUDA unknown error; check nvidia-smi",
        ),
        (
            survey(gpu=None, problem="CUDA error: out of memory"),
            "the GPU has no memory left to begin with: other processes hold it; see nvidia-smi",
        ),
        (
            survey(gpu=FAKE.model_copy(update={"name": "Tesla V100", "capability": (7, 0)})),
            r"Tesla V100 \(compute capability 7.0\) is too old .* needs 7.5 or later; use another",
        ),
    ],
)
def test_a_gpu_that_cannot_be_used_is_one_line_and_auto_is_the_cpu(
    found: Survey, says: str
) -> None:
    with pytest.raises(UsageError, match=f"^--device cuda: .*{says}") as caught:
        choose("cuda", found)
    assert "\n" not in str(caught.value)
    assert choose("auto", found) is None


@pytest.mark.parametrize(
    ("driver", "built", "fits"),
    [
        ("580.65.06", "13.0", True),
        ("579.99", "13.0", False),
        ("535.104", "12.8", True),
        ("520.61", "12.1", False),
        (None, "13.0", True),  # WSL does not say
        ("470.1", "14.0", True),  # a version of CUDA that is not known here
    ],
)
def test_the_driver_that_a_version_of_cuda_needs(
    driver: str | None, built: str, *, fits: bool
) -> None:
    assert (why_unusable(survey(driver=driver, built=built)) is None) is fits


@pytest.mark.parametrize(
    ("capability", "fits"), [((7, 0), False), ((7, 5), True), ((9, 0), True), ((12, 0), True)]
)
def test_a_card_needs_code_for_itself_or_an_older_one(
    capability: tuple[int, int], *, fits: bool
) -> None:
    built_for = ("sm_75", "sm_80", "sm_90a", "sm_100", "compute_120")
    found = survey(gpu=FAKE.model_copy(update={"capability": capability}), architectures=built_for)
    assert (why_unusable(found) is None) is fits


def test_several_gpus_are_as_good_as_the_least_of_them() -> None:
    other = FAKE.model_copy(update={"total": 80 * GIB, "free": 20 * GIB, "capability": (8, 0)})
    last = FAKE.model_copy(update={"free": GIB})
    found = choose("cuda", survey(beside=(other, last)), 2)
    assert found is not None
    assert (found.name, found.count, found.capability) == ("NVIDIA H200", 2, (8, 0))
    assert (found.total, found.free) == (80 * GIB, 20 * GIB)
    assert choose("auto", survey(beside=(other, last))) == FAKE
    for visible, says in ((survey(), "1 is visible"), (survey(beside=(other,)), "2 are visible")):
        with pytest.raises(UsageError, match=f"--tensor-parallel 3 needs 3 GPUs, and {says}; see"):
            choose("cuda", visible, 3)
    assert choose("cpu", Survey(node=False), 3) is None


def test_each_of_several_gpus_holds_its_part_of_the_weights() -> None:
    two = gpu(80, 79).model_copy(update={"count": 2})
    check_room(two, 73 * GIB, 87 * GIB, "GritLM-8x7B")
    with pytest.raises(
        EngineError, match=r"at least 101.0 GiB of GPU memory on each of 2 GPUs, and 73.0 GiB of"
    ):
        check_room(two, 73 * GIB, 200 * GIB, "large")


def gpu(total: float, free: float) -> Gpu:
    return FAKE.model_copy(update={"total": int(total * GIB), "free": int(free * GIB)})


@pytest.mark.parametrize(
    ("total", "free", "share"),
    [(80, 79.5, 0.92), (80, 41, 0.5), (24, 13, 0.5), (16, 0.5, 0.0), (140, 70, 0.492)],
)
def test_vllm_takes_what_is_free_but_a_reserve(total: float, free: float, share: float) -> None:
    found = vllm_share(gpu(total, free))
    assert found == share
    assert found * total <= max(0.0, free - 1)


def test_a_share_that_was_asked_for_is_taken_or_refused() -> None:
    assert vllm_share(gpu(80, 41), 0.25) == 0.25
    with pytest.raises(EngineError, match=r"0.9 is 72.0 GiB .* 41.0 GiB are free; pass --gpu"):
        vllm_share(gpu(80, 41), 0.9)


def test_weights_that_do_not_fit_are_refused_before_they_are_loaded() -> None:
    check_room(gpu(80, 79), 79 * GIB, 14 * GIB, "seven-billion")
    with pytest.raises(
        EngineError,
        match=r"GritLM-8x7B needs at least 88.0 GiB of GPU memory, and 73.6 GiB of the 80.0 GiB of "
        r"NVIDIA H200 can be used \(79.0 GiB are free\); see nvidia-smi",
    ):
        check_room(gpu(80, 79), int(0.92 * 80 * GIB), 87 * GIB, "GritLM-8x7B")
