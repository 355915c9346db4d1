"""The trainer: one loop for every backend. The backend computes K updates per call; everything else is here."""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np

from nnspec.backends import Array, Backend, Engine
from nnspec.errors import FileError, NNSpecError
from nnspec.experiment import Experiment
from nnspec.files import write_atomically
from nnspec.metrics import Sums, added
from nnspec.model import Model
from nnspec.schedules import ReduceOnPlateau
from nnspec.training import run as runs
from nnspec.training.averages import averaged, outcome
from nnspec.training.callbacks import Patience, Plateau, improves, monitored
from nnspec.training.data import Dataset
from nnspec.training.engines import engine_of
from nnspec.training.environment import environment
from nnspec.training.order import epoch_order
from nnspec.training.pace import Pace, compile_seconds
from nnspec.training.progress import Progress
from nnspec.training.run import Preparation, Run


class Diverged(NNSpecError):
    """The loss is no longer a finite number."""

    exit_status = 1


class Trainer:
    """One run: an experiment, its data, a backend and a place for the results."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        backend: Backend,
        *,
        device: str | None = None,
        out: str | Path | None = None,
        progress: Progress,
    ) -> None:
        self.settings = experiment.training
        self.experiment = dataclasses.replace(experiment, model=bind(experiment.model, dataset))
        self.objective = self.experiment.objective
        self.dataset = dataset
        self.backend = backend
        self.device = device
        self.progress = progress
        self.out = _free_directory(out)
        self.preparation = Preparation.of(dataset)
        self.interrupted = False

    def run(self) -> Run:
        """Train to the end, to an early stop or to an interruption."""
        engine, steps = self._prepare()
        run = Run(self.experiment, engine.net, [], self.preparation, directory=self.out)
        self._describe(engine)
        plateau = self._plateau()
        stopping = self.settings.early_stopping
        patience = stopping and Patience(stopping.patience, self._mode(stopping.monitor), stopping.min_delta)
        best: float | None = None
        kept: dict[str, Array] = {}
        pace = Pace()
        self.progress.start(self.settings.epochs, steps)
        try:
            with self._interruptible():
                for epoch in range(1, self.settings.epochs + 1):
                    record = self._epoch(engine, epoch, steps, pace)
                    if record is None:
                        run.stopped = "interrupted"
                        break
                    monitor = self._monitor(record)
                    value = monitored(record, monitor)
                    better = improves(value, best, self._mode(monitor))
                    run.history.append(record)
                    if better:
                        best, run.best_epoch = value, epoch
                        kept = outcome(self.experiment.optimizer, engine)
                    self._save(run, kept, better)
                    out_of_patience = patience and patience.update(monitored(record, stopping.monitor))
                    if plateau is not None:
                        scale = plateau.update(monitored(record, plateau.spec.monitor))
                        engine.assign({"optimizer/learning_rate_scale": np.array(scale, np.float64)})
                    self.progress.epoch(record, "best" if better and self.settings.epochs > 1 else "")
                    if out_of_patience:
                        run.stopped = "early stopping"
                        break
                    if self.interrupted:
                        run.stopped = "interrupted"
                        break
        except Diverged:
            run.stopped = "diverged"
            self._finish(run, engine, kept)
            raise
        finally:
            self.progress.stop()
        self._finish(run, engine, kept)
        return run

    # -- the parts of a run -------------------------------------------------------------------------------------------

    def _prepare(self) -> tuple[Engine, int]:
        experiment, settings = self.experiment, self.settings
        net = self.backend.build(experiment.model, dtype=settings.dtype, seed=settings.seed, device=self.device)
        engine = engine_of(experiment, self.backend, net)
        for name, split in self.dataset.splits.items():
            engine.load(name, split)
        full, rest = divmod(self._rows, self._batch)
        steps = full + (1 if rest and not self._drops else 0)
        return engine, steps

    @property
    def _rows(self) -> int:
        return self.dataset.rows("train")

    @property
    def _batch(self) -> int:
        return int(min(self.settings.batch_size, self._rows))

    @property
    def _drops(self) -> bool:
        return bool(self.settings.drop_remainder) and self._rows >= self.settings.batch_size

    def _epoch(self, engine: Engine, epoch: int, steps: int, pace: Pace) -> dict[str, float] | None:
        """Train and validate one epoch; None if it was interrupted before its end."""
        full = self._rows // self._batch
        batches, rest = epoch_order(self.settings.seed, epoch - 1, self._rows, self._batch, self.settings.shuffle)
        totals: dict[str, Sums] = {}
        compiled = compile_seconds(engine)
        began = time.perf_counter()
        done = 0
        while done < full:
            stop = min(full, done + pace.updates)
            with pace.measure(stop - done):
                engine.train(batches, done, stop)
            done = stop
            self._accumulate(totals, engine, epoch, done)
            self.progress.update(epoch, done, self._results(totals))
            if self.interrupted and done < full:
                return None
        if len(rest) and not self._drops:
            engine.train(rest[None], 0, 1)
            done += 1
            self._accumulate(totals, engine, epoch, done)
        seconds = time.perf_counter() - began
        computing = max(seconds - (compile_seconds(engine) - compiled), 1e-9)  # without what validation compiles
        results = self._results(totals)
        validation = {}
        if "validation" in engine_splits(self.dataset):
            with averaged(self.experiment.optimizer, engine):
                validation = self._results(engine.evaluate("validation", self.settings.batch_size))
        rate, norm = results.pop("learning_rate"), results.pop("grad_norm")
        rows = self._rows if not self._drops else full * self._batch
        return {
            "epoch": epoch,
            "step": epoch * steps,
            **results,
            **{f"val_{name}": value for name, value in validation.items()},
            "learning_rate": rate,
            "grad_norm": norm,
            "seconds": round(seconds, 6),
            "compile_seconds": round(compile_seconds(engine) - compiled, 6),
            "examples_per_second": round(rows / computing, 3),
        }

    def _accumulate(self, totals: dict[str, Sums], engine: Engine, epoch: int, done: int) -> None:
        for name, sums in engine.totals().items():
            running = None if name == "learning_rate" else totals.get(name)
            totals[name] = added(self.objective.metrics.get(name), running, sums)
        parts = [term.name for term in self.objective.minimized]
        for name in (*parts, *(["penalty"] if "penalty" in totals else [])):
            total = totals[name][0]
            if not math.isfinite(total):
                raise Diverged(
                    f"the {name} became {total} in epoch {epoch}, by update {done} of the epoch: try a lower "
                    "learning rate, a warm-up, or clip: {global_norm: 1.0}"
                )

    def _results(self, totals: Mapping[str, Sums]) -> dict[str, float]:
        """What the sums of an epoch (or of a part of it) come to, in the order of ``metrics.jsonl``."""
        found = self.objective.results(totals, scalar=True)
        if "learning_rate" in totals:
            found["learning_rate"] = totals["learning_rate"][0]
            norm, updates = totals["grad_norm"]
            found["grad_norm"] = norm / updates if updates else math.nan  # all of them were left out
        return found

    def _monitor(self, record: Mapping[str, float]) -> str:
        """The quantity that decides which epoch is best; without validation data the training's own."""
        name: str = self.settings.monitor
        return "loss" if name == "val_loss" and "val_loss" not in record else name

    def _mode(self, name: str) -> str:
        return self.objective.mode(name)

    def _plateau(self) -> Plateau | None:
        rate = self.experiment.optimizer.learning_rate
        return Plateau(rate, self._mode(rate.monitor)) if isinstance(rate, ReduceOnPlateau) else None

    # -- files --------------------------------------------------------------------------------------------------------

    def _describe(self, engine: Engine) -> None:
        if self.out is None:
            return
        try:
            (self.out / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot make the run directory {self.out}: {error.strerror or error}") from None
        write_atomically(self.out / runs.SPEC, self.experiment.dumps())
        write_atomically(self.out / runs.DATA, self.preparation.dumps())
        described = environment(self.backend, engine.net, self.settings.seed, self.device)
        write_atomically(self.out / runs.ENVIRONMENT, json.dumps(described, indent=1) + "\n")
        runs.write_history(self.out / runs.METRICS, [])

    def _save(self, run: Run, kept: dict[str, Array], better: bool) -> None:
        if self.out is None:
            return
        runs.write_history(self.out / runs.METRICS, run.history)
        if better:
            runs.write_checkpoint(self.out / "checkpoints" / "best.safetensors", _of_model(kept), len(run.history))

    def _finish(self, run: Run, engine: Engine, kept: dict[str, Array]) -> None:
        """The last checkpoint and the plot; then the best variables, where they were asked for."""
        if self.out is not None:
            checkpoints = self.out / "checkpoints"
            epoch = len(run.history)
            if run.stopped != "diverged":
                runs.write_checkpoint(checkpoints / "last.safetensors", engine.variables(), epoch)
            if not (checkpoints / "best.safetensors").is_file() and run.stopped == "interrupted":
                # Interrupted before the end of the first epoch: what there is, is the best there is.
                there_is = _of_model(outcome(self.experiment.optimizer, engine))
                runs.write_checkpoint(checkpoints / "best.safetensors", there_is, 0)
            if run.history:
                runs.plot(run.history, self.out / "history.png")
        stopping = self.settings.early_stopping
        restores = kept and stopping is not None and stopping.restore_best
        final = kept if restores else outcome(self.experiment.optimizer, engine)
        engine.net.assign(_of_model(final))

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C ends the run after the compiled call in flight; a second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True

        previous = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


def _of_model(variables: Mapping[str, Array]) -> dict[str, Array]:
    """Without what is the optimizer's."""
    return {name: value for name, value in variables.items() if not name.startswith("optimizer/")}


def bind(model: Model, dataset: Dataset) -> Model:
    """The model with its inputs' shapes filled in from the data."""
    split = dataset.splits["train"]
    return model.with_inputs(*(split[name].shape[1:] for name in model.inputs))


def engine_splits(dataset: Dataset) -> set[str]:
    """The splits that hold rows."""
    return {name for name in dataset.splits if dataset.rows(name)}


def _free_directory(out: str | Path | None) -> Path | None:
    """The place of a run directory; one that holds anything is refused, so that no run is overwritten."""
    if out is None:
        return None
    place = Path(out)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        kind = "is not empty" if place.is_dir() else "is a file"
        raise FileError(f"{place} {kind}: choose another directory for the run")
    return place
