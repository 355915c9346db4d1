"""Ctrl-C, as a terminal sends it: to all processes of the group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nnspec_conformance import processes

pytestmark = [
    pytest.mark.jax,
    pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX's"),
]


def in_group(group: int) -> list[int]:
    """The processes of a group that are not ended, read from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended in the meantime
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed from /proc")
def test_ctrl_c_ends_all_processes(tmp_path: Path) -> None:
    report = tmp_path / "facts.json"
    options = ["--backend", "jax", "--jobs", "2", "--json", str(report)]
    # Shells have what they run in the background ignore it.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from nnspec.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "conformance", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(in_group(process.pid)) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    assert len(in_group(process.pid)) >= 3, "the processes did not start"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not report.exists()
    deadline = time.monotonic() + 10
    while in_group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not in_group(process.pid)


def test_an_interrupt_waits_until_a_process_has_started() -> None:
    """In whichever thread it arrives: a process that is not given what it reads at first ends with a traceback."""
    begun, reached, before = threading.Event(), [], signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    def within() -> None:
        with processes._no_interrupt():
            begun.set()
            thread.join()
            reached.append("the end")

    thread = threading.Thread(target=interrupt)
    thread.start()  # what is started within takes over that signals are blocked
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            within()
        assert reached == ["the end"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
