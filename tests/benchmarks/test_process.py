"""A real worker that cannot work: its error arrives, with what it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import CONTENDERS, Contender, Settings
from benchmarks.process import Process, WorkerError
from benchmarks.workloads import WORKLOADS

pytestmark = pytest.mark.usefixtures("root")


def broken(tmp_path: Path, source: str) -> Contender:
    """PyTorch's contender with another ``torch``."""
    (tmp_path / "torch.py").write_text(source)
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    return Contender("torch", "", "torch_sessions", "torch", (), training=("eager",), environment=environment)


SETTINGS = Settings(WORKLOADS["mlp-infer1"], "eager", "float32", "cpu")


def test_error_is_shown(tmp_path: Path) -> None:
    with Process(broken(tmp_path, "raise ImportError('planted')"), SETTINGS) as process:
        assert process.start > 0
        with pytest.raises(WorkerError, match=r"torch \(eager\) on mlp-infer1: ended with status 1") as caught:
            process.ask("build")
    assert str(caught.value).endswith("ImportError: planted")


def test_stray_output_is_no_answer(tmp_path: Path) -> None:
    """What a framework prints goes to the log, from Python and from below it."""
    source = "import os; print('hello'); os.write(1, b'{}\\n'); raise ImportError('planted')"
    with (
        Process(broken(tmp_path, source), SETTINGS) as process,
        pytest.raises(WorkerError, match=r"(?s)\{\}.*planted"),
    ):
        process.ask("build")


def test_worker_that_is_gone(tmp_path: Path) -> None:
    with Process(broken(tmp_path, "import os; os._exit(7)"), SETTINGS) as process:
        with pytest.raises(WorkerError, match="ended with status 7"):
            process.ask("build")
        with pytest.raises(WorkerError, match="ended"):
            process.ask("first")


def test_worker_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Process(broken(tmp_path, "import time; time.sleep(60)"), SETTINGS) as process:
        monkeypatch.setattr("benchmarks.process.PATIENCE", 0.2)
        with pytest.raises(WorkerError, match="no answer in 0 s"):
            process.ask("build")


def test_caches_are_empty_and_go(tmp_path: Path) -> None:
    source = (
        "import os, pathlib; place = pathlib.Path(os.environ['XDG_CACHE_HOME']); "
        "raise ImportError(f'{list(place.iterdir())} in {place}')"
    )
    with Process(broken(tmp_path, source), SETTINGS) as process:
        with pytest.raises(WorkerError, match=r"\[\] in ") as caught:
            process.ask("build")
        place = Path(str(caught.value).rsplit(" in ", 1)[1])
        assert place.is_dir()
    assert not place.exists()


def test_every_contender_is_in_the_table() -> None:
    """Names are the command's options; there is at least one of nnspec, and each module is there."""
    for name, contender in CONTENDERS.items():
        assert name == contender.name
        assert (Path(__file__).parents[2] / f"benchmarks/contenders/{contender.module}.py").is_file()
    assert [name for name, contender in CONTENDERS.items() if contender.ours] == ["nnspec-jax", "nnspec-tensorflow"]
