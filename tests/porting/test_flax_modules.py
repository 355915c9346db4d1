"""Each module of Flax with several sets of options, ported and compared with itself."""
# ruff: noqa: E402 - what follows needs JAX, which may not be installed

from __future__ import annotations

from typing import Any

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp
from flax import linen as nn, nnx

from tests.porting.flax_check import check, data, ids, ported, random_module, random_variables

pytestmark = pytest.mark.jax
R = nnx.Rngs(0)
# Gradients are compiled, which takes longer than all else.
GRADIENTS = pytest.mark.parametrize(
    "gradients", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["values", "gradients"]
)

# name -> a module of NNX, what it is called on, the layer that becomes of it.
NNX: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "Linear": (lambda: nnx.Linear(3, 5, rngs=R), (data(2, 3),), "Dense"),
    "Linear of a sequence, no bias": (lambda: nnx.Linear(3, 5, use_bias=False, rngs=R), (data(2, 4, 3),), "Dense"),
    "LinearGeneral": (lambda: nnx.LinearGeneral(3, (2, 5), rngs=R), (data(2, 4, 3),), "DenseGeneral"),
    "LinearGeneral of two axes": (
        lambda: nnx.LinearGeneral((4, 3), 5, axis=(1, -1), rngs=R),
        (data(2, 4, 6, 3),),
        "DenseGeneral",
    ),
    "LinearGeneral of axes in another order": (
        lambda: nnx.LinearGeneral((4, 3), (5, 2), axis=(-1, -2), use_bias=False, rngs=R),
        (data(2, 4, 3),),
        "DenseGeneral",
    ),
    "Einsum": (
        lambda: nnx.Einsum("nta,hab->nthb", (4, 3, 5), (4, 5), rngs=R),
        (data(2, 6, 3),),
        "EinsumDense",
    ),
    "Einsum with dots": (lambda: nnx.Einsum("...x,xy->...y", (3, 5), (5,), rngs=R), (data(2, 6, 3),), "EinsumDense"),
    "Conv": (lambda: nnx.Conv(3, 4, (3, 2), rngs=R), (data(2, 6, 5, 3),), "Conv"),
    "Conv with strides, dilation, groups": (
        lambda: nnx.Conv(4, 6, (3, 3), strides=(2, 1), padding="VALID", feature_group_count=2, rngs=R),
        (data(2, 7, 6, 4),),
        "Conv",
    ),
    "Conv dilated": (
        lambda: nnx.Conv(3, 4, (3,), kernel_dilation=2, padding="CAUSAL", use_bias=False, rngs=R),
        (data(2, 8, 3),),
        "Conv",
    ),
    "Conv padded by numbers": (
        lambda: nnx.Conv(3, 4, (3, 2), padding=((1, 0), (2, 1)), rngs=R),
        (data(2, 5, 4, 3),),
        "Conv",
    ),
    "Conv padded by one number": (lambda: nnx.Conv(3, 4, (3, 3), padding=1, rngs=R), (data(2, 5, 4, 3),), "Conv"),
    "Conv circular": (lambda: nnx.Conv(3, 4, (3, 2), padding="CIRCULAR", rngs=R), (data(2, 5, 4, 3),), "Conv"),
    "Conv reflected": (lambda: nnx.Conv(3, 4, (4,), padding="REFLECT", rngs=R), (data(2, 7, 3),), "Conv"),
    "Conv of a film": (lambda: nnx.Conv(3, 4, (3, 2), rngs=R), (data(2, 3, 5, 4, 3),), "TimeDistributed"),
    "Conv masked": (
        lambda: nnx.Conv(3, 4, (3,), mask=jnp.asarray(ids(3, 3, 4, below=2)), rngs=R),
        (data(2, 7, 3),),
        "",
    ),
    "ConvTranspose": (
        lambda: nnx.ConvTranspose(3, 4, (3, 2), strides=(2, 2), rngs=R),
        (data(2, 4, 3, 3),),
        "ConvTranspose",
    ),
    "ConvTranspose valid": (
        lambda: nnx.ConvTranspose(3, 4, (2, 3), strides=(3, 1), padding="VALID", rngs=R),
        (data(2, 4, 3, 3),),
        "ConvTranspose",
    ),
    "ConvTranspose padded by numbers": (
        lambda: nnx.ConvTranspose(3, 4, (4,), strides=2, padding=((1, 2),), use_bias=False, rngs=R),
        (data(2, 5, 3),),
        "ConvTranspose",
    ),
    "ConvTranspose dilated": (
        lambda: nnx.ConvTranspose(3, 4, (3,), kernel_dilation=(2,), rngs=R),
        (data(2, 5, 3),),
        "ConvTranspose",
    ),
    "ConvTranspose of a kernel of Conv": (
        lambda: nnx.ConvTranspose(3, 4, (3, 2), strides=(2, 1), transpose_kernel=True, rngs=R),
        (data(2, 4, 3, 3),),
        "ConvTranspose",
    ),
    "Embed": (lambda: nnx.Embed(7, 4, rngs=R), (ids(2, 5, below=7),), "Embedding"),
    "BatchNorm": (lambda: nnx.BatchNorm(3, rngs=R), (data(5, 3),), "BatchNorm"),
    "BatchNorm of images": (
        lambda: nnx.BatchNorm(3, momentum=0.7, epsilon=0.1, use_scale=False, rngs=R),
        (data(4, 3, 2, 3),),
        "BatchNorm",
    ),
    "BatchNorm of another axis": (
        lambda: nnx.BatchNorm(4, axis=1, use_bias=False, use_fast_variance=False, rngs=R),
        (data(3, 4, 5),),
        "BatchNorm",
    ),
    "LayerNorm": (lambda: nnx.LayerNorm(5, epsilon=0.1, rngs=R), (data(2, 3, 5),), "LayerNorm"),
    "LayerNorm without scale": (
        lambda: nnx.LayerNorm(5, use_scale=False, use_bias=False, rngs=R),
        (data(2, 5),),
        "LayerNorm",
    ),
    "LayerNorm of another axis": (
        lambda: nnx.LayerNorm(3, reduction_axes=1, feature_axes=1, rngs=R),
        (data(2, 3, 5),),
        "LayerNorm",
    ),
    "LayerNorm whose scale has another axis": (
        lambda: nnx.LayerNorm(5, reduction_axes=(-2, -1), feature_axes=-1, rngs=R),
        (data(2, 3, 5),),
        "",
    ),
    "RMSNorm": (lambda: nnx.RMSNorm(5, epsilon=0.1, rngs=R), (data(2, 3, 5),), "RMSNorm"),
    "RMSNorm without scale": (lambda: nnx.RMSNorm(5, use_scale=False, rngs=R), (data(2, 5),), "RMSNorm"),
    "GroupNorm": (lambda: nnx.GroupNorm(6, num_groups=3, rngs=R), (data(2, 3, 2, 6),), "GroupNorm"),
    "GroupNorm by size": (
        lambda: nnx.GroupNorm(6, num_groups=None, group_size=3, use_bias=False, epsilon=0.1, rngs=R),
        (data(2, 5, 6),),
        "GroupNorm",
    ),
    "InstanceNorm": (lambda: nnx.InstanceNorm(3, epsilon=0.1, rngs=R), (data(2, 4, 5, 3),), "InstanceNorm"),
    "Dropout": (lambda: nnx.Dropout(0.4, broadcast_dims=(1,), rngs=R), (data(2, 3, 5),), "Dropout"),
    "PReLU": (lambda: nnx.PReLU(0.3), (data(2, 3, 5),), "PReLU"),
    "WeightNorm": (lambda: nnx.WeightNorm(nnx.Linear(3, 5, rngs=R), rngs=R), (data(2, 3),), "WeightNorm"),
    "WeightNorm of one length": (
        lambda: nnx.WeightNorm(nnx.Conv(3, 4, (3,), rngs=R), feature_axes=None, use_scale=False, epsilon=0.1, rngs=R),
        (data(2, 6, 3),),
        "WeightNorm",
    ),
    "LoRA": (lambda: nnx.LoRA(3, 2, 5, base_module=nnx.Linear(3, 5, rngs=R), rngs=R), (data(2, 3),), "Dense"),
    "LoRALinear": (lambda: nnx.LoRALinear(3, 5, lora_rank=2, rngs=R), (data(2, 3),), "Dense"),
    "Sequential": (
        lambda: nnx.Sequential(nnx.Linear(3, 5, rngs=R), jax.nn.relu, nnx.Linear(5, 2, rngs=R)),
        (data(2, 3),),
        "Dense",
    ),
    "attention": (
        lambda: nnx.MultiHeadAttention(2, 6, decode=False, rngs=R),
        (data(2, 5, 6),),
        "MultiHeadAttention",
    ),
    "attention of two sequences": (
        lambda: nnx.MultiHeadAttention(
            2, 6, 8, 5, in_kv_features=3, use_bias=False, dropout_rate=0.3, decode=False, rngs=R
        ),
        (data(2, 5, 6), data(2, 4, 3, seed=2)),
        "MultiHeadAttention",
    ),
    "attention of three sequences": (
        lambda: nnx.MultiHeadAttention(2, 6, decode=False, broadcast_dropout=False, rngs=R),
        (data(2, 5, 6), data(2, 4, 6, seed=2), data(2, 4, 6, seed=3)),
        "MultiHeadAttention",
    ),
    "attention of groups": (
        lambda: nnx.MultiHeadAttention(4, 8, num_kv_heads=2, decode=False, rngs=R),
        (data(2, 5, 8),),
        "MultiHeadAttention",
    ),
    "attention with norms": (
        lambda: nnx.MultiHeadAttention(2, 6, normalize_qk=True, decode=False, rngs=R),
        (data(2, 5, 6),),
        "DenseGeneral",
    ),
    "RNN of LSTMCell": (lambda: nnx.RNN(nnx.LSTMCell(3, 4, rngs=R)), (data(2, 5, 3),), "LSTM"),
    "RNN of OptimizedLSTMCell": (
        lambda: nnx.RNN(nnx.OptimizedLSTMCell(3, 4, rngs=R), return_carry=True),
        (data(2, 5, 3),),
        "LSTM",
    ),
    "RNN of GRUCell, reversed": (
        lambda: nnx.RNN(nnx.GRUCell(3, 4, rngs=R), reverse=True, keep_order=True),
        (data(2, 5, 3),),
        "GRU",
    ),
    "RNN of SimpleCell": (
        lambda: nnx.RNN(nnx.SimpleCell(3, 4, residual=True, rngs=R), return_carry=True),
        (data(2, 5, 3),),
        "SimpleRNN",
    ),
    "RNN with time first": (
        lambda: nnx.RNN(nnx.GRUCell(3, 4, rngs=R), time_major=False, reverse=True, return_carry=True),
        (data(2, 5, 3),),
        "GRU",
    ),
    "Bidirectional": (
        lambda: nnx.Bidirectional(nnx.RNN(nnx.LSTMCell(3, 4, rngs=R)), nnx.RNN(nnx.GRUCell(3, 2, rngs=R))),
        (data(2, 5, 3),),
        "LSTM",
    ),
}

LINEN: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "Dense": (nn.Dense(5), (data(2, 4, 3),), "Dense"),
    "DenseGeneral": (nn.DenseGeneral((2, 5), axis=(-2, -1), use_bias=False), (data(2, 4, 3),), "DenseGeneral"),
    "Einsum": (nn.Einsum((4, 3, 5), "nta,hab->nthb"), (data(2, 6, 3),), "EinsumDense"),
    "Conv": (nn.Conv(4, (3, 2), strides=2, kernel_dilation=1), (data(2, 6, 5, 3),), "Conv"),
    "Conv in groups": (nn.Conv(6, (3,), padding="VALID", feature_group_count=3), (data(2, 6, 3),), "Conv"),
    "Conv circular": (nn.Conv(4, (3,), padding="CIRCULAR", kernel_dilation=2), (data(2, 8, 3),), "Conv"),
    "ConvTranspose": (nn.ConvTranspose(4, (3, 2), strides=(2, 1)), (data(2, 4, 3, 3),), "ConvTranspose"),
    "ConvTranspose of a kernel of Conv": (
        nn.ConvTranspose(4, (3,), strides=(2,), padding="VALID", transpose_kernel=True),
        (data(2, 4, 3),),
        "ConvTranspose",
    ),
    "Embed": (nn.Embed(7, 4), (ids(2, 5, below=7),), "Embedding"),
    "LayerNorm": (nn.LayerNorm(epsilon=0.1, use_bias=False), (data(2, 3, 5),), "LayerNorm"),
    "LayerNorm of two axes": (
        nn.LayerNorm(reduction_axes=(-2, -1), feature_axes=(-2, -1)),
        (data(2, 3, 5),),
        "LayerNorm",
    ),
    "RMSNorm": (nn.RMSNorm(), (data(2, 3, 5),), "RMSNorm"),
    "GroupNorm": (nn.GroupNorm(num_groups=None, group_size=2), (data(2, 3, 6),), "GroupNorm"),
    "InstanceNorm": (nn.InstanceNorm(), (data(2, 3, 6),), "InstanceNorm"),
    "PReLU": (nn.PReLU(), (data(2, 3, 5),), "PReLU"),
    "WeightNorm": (nn.WeightNorm(nn.Dense(5)), (data(2, 3),), "WeightNorm"),
    "attention": (
        nn.MultiHeadDotProductAttention(2, qkv_features=8, out_features=5),
        (data(2, 5, 6), data(2, 4, 3, seed=2)),
        "MultiHeadAttention",
    ),
    "attention with norms": (nn.MultiHeadAttention(2, normalize_qk=True), (data(2, 5, 6),), "DenseGeneral"),
    "RNN of LSTMCell": (nn.RNN(nn.LSTMCell(4), return_carry=True), (data(2, 5, 3),), "LSTM"),
    "RNN of OptimizedLSTMCell": (nn.RNN(nn.OptimizedLSTMCell(4), reverse=True), (data(2, 5, 3),), "LSTM"),
    "RNN of GRUCell": (nn.RNN(nn.GRUCell(4)), (data(2, 5, 3),), "GRU"),
    "RNN of MGUCell": (nn.RNN(nn.MGUCell(4)), (data(2, 5, 3),), "MGU"),
    "RNN of MGUCell without reset": (nn.RNN(nn.MGUCell(4, reset_gate=False)), (data(2, 5, 3),), "MGU"),
    "RNN of SimpleCell": (nn.RNN(nn.SimpleCell(4)), (data(2, 5, 3),), "SimpleRNN"),
    "RNN of ConvLSTMCell": (nn.RNN(nn.ConvLSTMCell(2, (2,))), (data(2, 2, 4, 3),), "Conv"),
    "Bidirectional": (nn.Bidirectional(nn.RNN(nn.GRUCell(4)), nn.RNN(nn.LSTMCell(2))), (data(2, 5, 3),), "GRU"),
    "Sequential": (nn.Sequential([nn.Dense(5), nn.gelu, nn.Dense(2)]), (data(2, 3),), "Dense"),
}


def _layers(port: Any) -> list[str]:
    return [type(node.layer).__name__ for _, node in port.model.walk()]


@GRADIENTS
@pytest.mark.parametrize("name", NNX)
def test_module_of_nnx(name: str, gradients: bool) -> None:
    make, inputs, layer = NNX[name]
    module = random_module(make())
    module.eval()
    port = ported(module, *inputs)
    assert not layer or layer in _layers(port)
    module.eval()
    check(port, module(*map(jnp.asarray, inputs)), inputs, gradients=gradients)


@GRADIENTS
@pytest.mark.parametrize("name", LINEN)
def test_module_of_linen(name: str, gradients: bool) -> None:
    module, inputs, layer = LINEN[name]
    variables = random_variables(module, *inputs)
    port = ported((module, variables), *inputs)
    assert not layer or layer in _layers(port)
    check(port, module.apply(variables, *inputs), inputs, gradients=gradients)
