"""KerasHub's tasks, end to end: as ``nnspec port module:function --to flax`` makes and verifies them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
pytest.importorskip("nnspec_jax.realize", reason="the jax backend is not installed")
pytest.importorskip("keras_hub", reason="keras-hub is not installed")

from nnspec.cli.main import run

pytestmark = [pytest.mark.tensorflow, pytest.mark.jax, pytest.mark.slow]


@pytest.mark.parametrize("task", ["text_classifier", "image_classifier"])
def test_a_task_becomes_a_flax_module(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["port", f"tests.porting.keras_hub.tasks:{task}", "--to", "flax", "-o", str(tmp_path / "made")]
    if task == "text_classifier":
        ids, kinds = np.arange(12).reshape(2, 6) % 11, np.tile([0, 0, 0, 1, 1, 1], (2, 1))
        mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
        examples = {"token_ids": ids, "padding_mask": mask, "segment_ids": kinds}
        np.savez(tmp_path / "inputs.npz", **{name: x.astype(np.int32) for name, x in examples.items()})
        words += ["--inputs", str(tmp_path / "inputs.npz")]
    status = run(words)
    printed = capsys.readouterr()
    assert status == 0, printed.err
    assert "✓ verified" in printed.out + printed.err
    assert list((tmp_path / "made").glob("*.py"))
    assert list((tmp_path / "made").glob("*.safetensors"))
