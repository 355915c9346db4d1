"""Keras's own tests: which there are, and what becomes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec as nn
from tests.peers import (
    driver,
    keras_images,
    keras_layers,
    keras_losses,
    keras_optimizers,
    keras_penalties,
    keras_sequences,
)
from tests.peers.outcome import Outcome
from tests.peers.subjects import Subject, network

# What Keras calls it -> the module of its tests, the class of its tests, and the stand-ins.
_LOSSES = ("keras.src.losses.losses_test", keras_losses.losses)
_ACCURACY = ("keras.src.metrics.accuracy_metrics_test", keras_losses.metrics)
_REGRESSION = ("keras.src.metrics.regression_metrics_test", keras_losses.metrics)
_SCHEDULES = ("keras.src.optimizers.schedules.learning_rate_schedule_test", keras_optimizers.schedules)
_IMAGES = "keras.src.layers.preprocessing.image_preprocessing"
CLASSES: dict[str, tuple[str, str, Any]] = {
    **{
        f"losses.{name}": (_LOSSES[0], f"{test or name}Test", _LOSSES[1])
        for name, test in {
            "BinaryCrossentropy": "",
            "BinaryFocalCrossentropy": "",
            "CategoricalFocalCrossentropy": "",
            "CategoricalCrossentropy": "",
            "CategoricalHinge": "",
            "CosineSimilarity": "",
            "CategoricalGeneralizedCrossEntropy": "",
            "CTC": "",
            "Circle": "",
            "Dice": "",
            "Tversky": "",
            "Hinge": "",
            "Huber": "HuberLoss",
            "KLDivergence": "",
            "LogCosh": "",
            "MeanAbsoluteError": "",
            "MeanAbsolutePercentageError": "",
            "MeanSquaredError": "",
            "MeanSquaredLogarithmicError": "",
            "Poisson": "",
            "SquaredHinge": "",
            "SparseCategoricalCrossentropy": "",
        }.items()
    },
    **{
        f"metrics.{name}": (module, f"{name}Test", stand_ins)
        for (module, stand_ins), names in {
            _ACCURACY: (
                "BinaryAccuracy",
                "CategoricalAccuracy",
                "SparseCategoricalAccuracy",
                "SparseTopKCategoricalAccuracy",
                "TopKCategoricalAccuracy",
            ),
            _REGRESSION: (
                *("CosineSimilarity", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError"),
                *("MeanSquaredLogarithmicError", "R2Score", "RootMeanSquaredError"),
            ),
        }.items()
        for name in names
    },
    **{
        f"optimizers.{name}": (
            f"keras.src.optimizers.{name.lower()}_test",
            f"{name}Test",
            keras_optimizers.optimizers,
        )
        for name in (
            *("Adadelta", "Adafactor", "Adagrad", "Adam", "Adamax", "AdamW"),
            *("Ftrl", "Lamb", "Lion", "Nadam", "RMSprop", "SGD"),
        )
    },
    "optimizers.ScheduleFreeAdamW": (
        "keras.src.optimizers.schedule_free_adamw_test",
        "ScheduleFreeAdamWTest",
        keras_optimizers.optimizers,
    ),
    "optimizers.Optimizer": ("keras.src.optimizers.optimizer_test", "OptimizerTest", keras_optimizers.optimizers),
    **{
        f"schedules.{name}": (_SCHEDULES[0], f"{test}Test", _SCHEDULES[1])
        for name, test in {
            "CosineDecay": "CosineDecay",
            "CosineDecayRestarts": "CosineDecayRestarts",
            "ExponentialDecay": "ExponentialDecay",
            "InverseTimeDecay": "InverseTimeDecay",
            "PiecewiseConstantDecay": "PiecewiseConstantDecay",
            "PolynomialDecay (linear)": "LinearDecay",
            "PolynomialDecay (root)": "SqrtDecay",
        }.items()
    },
    "regularizers": ("keras.src.regularizers.regularizers_test", "RegularizersTest", keras_penalties.regularizers),
    "constraints": ("keras.src.constraints.constraints_test", "ConstraintsTest", keras_penalties.constraints),
    "activations": ("keras.src.activations.activations_test", "ActivationsTest", keras_layers.activations),
    **{
        f"layers.{name}": (f"keras.src.layers.{path}_test", f"{name}Test", keras_layers.layers)
        for name, path in {
            "BatchNormalization": "normalization.batch_normalization",
            "Dense": "core.dense",
            "Dropout": "regularization.dropout",
            "ELU": "activations.elu",
            "Flatten": "reshaping.flatten",
            "GroupNormalization": "normalization.group_normalization",
            "LayerNormalization": "normalization.layer_normalization",
            "RMSNormalization": "normalization.rms_normalization",
            "UnitNormalization": "normalization.unit_normalization",
            "LeakyReLU": "activations.leaky_relu",
            "PReLU": "activations.prelu",
            "ReLU": "activations.relu",
            "Reshape": "reshaping.reshape",
            "Softmax": "activations.softmax",
        }.items()
    },
    **{
        f"layers.{name}": (f"keras.src.layers.{path}_test", f"{name}{suffix}Test", keras_sequences.layers)
        for name, path, suffix in (
            ("Conv", "convolutional.conv", "Correctness"),
            ("AveragePooling", "pooling.average_pooling", "Correctness"),
            ("MaxPooling", "pooling.max_pooling", "Correctness"),
            ("GlobalAveragePooling", "pooling.global_average_pooling", "Correctness"),
            ("GlobalMaxPooling", "pooling.global_max_pooling", "Correctness"),
            ("GRU", "rnn.gru", ""),
            ("LSTM", "rnn.lstm", ""),
            ("SimpleRNN", "rnn.simple_rnn", ""),
        )
    },
    **{
        f"layers.{name}": (f"{_IMAGES}.{path}_test", f"{name}Test", keras_images.layers)
        for name, path in {
            "CenterCrop": "center_crop",
            "RandomCrop": "random_crop",
            "RandomRotation": "random_rotation",
            "RandomTranslation": "random_translation",
            "RandomZoom": "random_zoom",
        }.items()
    },
}
# Tests that stand-ins cannot serve: why they are not expressible, or None for those about Keras's own objects.
KNOWN: dict[str, str | None] = {
    "OptimizerTest.test_constraints_are_applied": "constraints on parameters",
    "OptimizerTest.test_overwrite_with_gradient": "parameters that are overwritten by their gradients",
    "OptimizerTest.test_overwrite_with_gradient_with_gradient_accumulation": (
        "parameters that are overwritten by their gradients"
    ),
    "OptimizerTest.test_mixed_with_tf_variables": "parameters that join later",
    "OptimizerTest.test_iterations_counter": None,
    "ScheduleFreeAdamWTest.test_config": None,
    "ScheduleFreeAdamWTest.test_with_model": None,
    "OptimizerTest.test_tf_checkpointing": None,
    "AdamTest.test_clipnorm_indexed_slices": None,
    "BatchNormalizationTest.test_large_value_within_autocast_scope": None,
    "GroupNormalizationTest.test_large_value_within_autocast_scope": None,
    "LayerNormalizationTest.test_large_value_within_autocast_scope": None,
    "ReshapeTest.test_reshape_with_dynamic_batch_size_and_minus_one": None,
    "ReshapeTest.test_reshape_with_dynamic_dim_and_minus_one": None,
    "ConvCorrectnessTest.test_conv_constraints": None,
    "DenseTest.test_dense_constraints": None,
    "DenseTest.test_quantize_on_subclass_float8": None,
    "DenseTest.test_quantize_on_subclass_int4": None,
    "DenseTest.test_quantize_on_subclass_int8": None,
    "GRUTest.test_stateful_with_symbolic_batch_size": None,
    "GRUTest.test_torch_cudnn_dispatch_fires": None,
}
MERGING = {
    "Add": nn.Add(),
    "Concatenate": nn.Concat(),
    "Maximum": nn.Maximum(),
    "Minimum": nn.Minimum(),
    "Multiply": nn.Multiply(),
    "Subtract": nn.Subtract(),
}


def operators() -> list[str]:
    return [*CLASSES, "layers (merging)"]


def judge(operator: str, subject: Subject) -> list[Outcome]:
    """Every test of a class of Keras's on a subject, under Keras's own tolerances."""
    if operator in CLASSES:
        module, cls, stand_ins = CLASSES[operator]
        return driver.judge(operator, module, cls, subject, stand_ins, KNOWN)
    return merging(operator, subject)


def merging(operator: str, subject: Subject) -> list[Outcome]:
    """Keras's table of merging layers and their meaning in NumPy; its tests around it build Keras models."""
    tests = driver.loaded("keras.src.layers.merging.merging_test")
    outcomes = []
    for row in tests.TEST_PARAMETERS:
        name = row["layer_class"].__name__
        if name not in MERGING:
            outcomes.append(
                Outcome(operator, row["testcase_name"], "not expressible", f"{name} has no counterpart yet")
            )
            continue
        rng = np.random.default_rng(0)
        a, b = (rng.random(row.get("input_shape", (2, 4, 5))).astype(np.float32) for _ in range(2))
        wanted = row["np_op"](a, b, **row.get("init_kwargs", {}))
        model = network({"a": a.shape[1:], "b": b.shape[1:]}, [("y", MERGING[name], ["a", "b"])])
        got = subject.forward(model, {"a": a, "b": b}, {})[0]
        error = float(np.max(np.abs(got - wanted)) / np.max(np.abs(wanted)))
        close = np.allclose(got, wanted, atol=1e-4, rtol=1e-6)
        reason = "" if close else f"{error:.1e} from Keras's value"
        outcomes.append(Outcome(operator, row["testcase_name"], "passed" if close else "failed", reason, error))
    return outcomes


def without_counterpart() -> list[str]:
    """Classes of the same test modules that have none here."""
    taken = {(module, cls) for module, cls, _ in CLASSES.values()}
    found = []
    for module in dict.fromkeys(module for module, _, _ in CLASSES.values()):
        names = [n for n in vars(driver.loaded(module)) if n.endswith("Test") or n.startswith("Test")]
        names = [n for n in names if not n.endswith("BasicTest")]  # of shapes, and Keras's own objects
        kind = module.split(".")[2]
        found += [f"{kind}.{name.removesuffix('Test')}" for name in names if (module, name) not in taken]
    return found
