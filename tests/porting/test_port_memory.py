"""A port takes a few times the memory of its weights, whichever stage it is in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tensorflow,
    pytest.mark.jax,
    pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system does not say what memory is in use"),
]

# Ports a model of 200 MB as the command does, and prints what memory was in use at most, in units of the weights,
# beside what both frameworks take by themselves.
PORTING = """
import json, sys, threading, time
from pathlib import Path
from nnspec.cli.memory import give_back_memory
assert give_back_memory()
import nnspec_jax.backend
from nnspec_tensorflow.startup import keras
from nnspec.porting.porting import port
place, to = Path(sys.argv[1]), sys.argv[2]
def used():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])
x = given = keras.Input((1000,))
for k in range(50):
    x = keras.layers.Dense(1000, activation="tanh", kernel_initializer="lecun_normal", name=f"dense_{k}")(x)
keras.Model(given, x).save(place / "model.keras")
del x, given
keras.backend.clear_session()
before, peaks, now, done = used(), {}, ["reading"], False
def watch():
    while not done:
        peaks[now[0]] = max(peaks.get(now[0], 0), used() - before)
        time.sleep(0.005)
thread = threading.Thread(target=watch)
thread.start()
def progress(doing):
    now[0] = doing
out = place / ("out.keras" if to == "keras" else "out")
made = port(place / "model.keras", to, out, gradients=False, progress=progress)
done = True
thread.join()
print(json.dumps({name: peak / made.report.bytes for name, peak in peaks.items()}))
"""


# The variables once, and beside them one thing at a time: a net in float64, which is twice, or a model of the target
# with its file, which Keras takes into memory as a whole. Compilers and single layers take what they take: 70 MB.
LIMIT = 3.5
# Arrays are written one by one.
WRITING = {"flax": 1.3, "keras": LIMIT}


@pytest.mark.parametrize("to", WRITING)
def test_a_port_takes_three_times_its_weights(to: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PORTING, str(tmp_path), to]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    peaks = json.loads(done.stdout.splitlines()[-1])
    assert {name: peak for name, peak in peaks.items() if peak > LIMIT} == {}
    assert peaks[f"writing {to}"] < WRITING[to]
