"""Packed linear layers compute what torch's own layers compute."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from evalsuite.engines.transformers.packed_linear import PackedLinear, can_pack, pack_linear_layers

pytestmark = pytest.mark.skipif(not can_pack(), reason="this torch has no oneDNN")


@pytest.mark.parametrize("rows", [1, 7, 1024, 3000])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_product_in_double_precision(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    layer = torch.nn.Linear(96, 160, bias=bias)
    hidden = torch.randn(2, rows, 96)
    exact = hidden.double() @ layer.weight.double().T + (layer.bias.double() if bias else 0.0)
    with torch.inference_mode():
        found = PackedLinear(layer)(hidden)
    assert found.shape == (2, rows, 160)
    assert found.dtype == torch.float32
    # 96 products of numbers about 0.1: float32 rounds each sum by about 1e-7.
    assert torch.allclose(found.double(), exact, atol=2e-6)


def test_bfloat16_rounds_the_result_only() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 64, bias=False).to(torch.bfloat16)
    hidden = torch.randn(5, 64).to(torch.bfloat16)
    exact = hidden.double() @ layer.weight.double().T
    with torch.inference_mode():
        found = PackedLinear(layer)(hidden)
    assert found.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits: half a unit in the last place is 2^-9 of the value.
    assert torch.allclose(found.double(), exact, rtol=2**-8, atol=1e-5)


class _Own(torch.nn.Linear):
    """A layer with a rule of its own."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden) + 1


def _model() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(8, 8), torch.nn.ModuleList([_Own(8, 8), torch.nn.Linear(8, 4)])
    )


@pytest.mark.parametrize(
    ("make", "packed"),
    [
        pytest.param(_model, 2, id="layers of a class of their own stay"),
        pytest.param(lambda: _model().double(), 0, id="double stays"),
        pytest.param(lambda: torch.nn.Sequential(torch.nn.LayerNorm(8)), 0, id="nothing to pack"),
    ],
)
def test_only_plain_layers_are_replaced(make: Callable[[], torch.nn.Module], packed: int) -> None:
    model = make()
    own = [layer for layer in model.modules() if type(layer) is _Own]
    assert pack_linear_layers(model) == packed
    assert sum(isinstance(layer, PackedLinear) for layer in model.modules()) == packed
    assert [layer for layer in model.modules() if type(layer) is _Own] == own
