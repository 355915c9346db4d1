"""Compiled programs, kept on disk from one command to the next.

A command owns its process, so that it may set what a framework reads when it is imported. nnspec as a library sets
nothing.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "NNSPEC_CACHE_DIR"
# Programs that were not used for the longest time go when there are more bytes than this.
LIMIT = 2**30


def keep_programs(environ: MutableMapping[str, str] = os.environ) -> Path | None:
    """Have the installed backends keep compiled programs: to be called before any of them is loaded.

    The place is ``$NNSPEC_CACHE_DIR``, or nnspec/programs under the user's cache directory; with ``NNSPEC_CACHE_DIR``
    set to nothing there is none. What the user has told a framework itself stands.

    Returns:
        The directory, or None where nothing is kept.
    """
    from nnspec import backends

    place = _place(environ)
    if place is None:
        return None
    try:
        # What is in it is run: nobody else may write there.
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        prune(place, LIMIT)
    except OSError:
        return None  # nothing can be kept, which is no reason to fail
    for name in backends.registered():
        # What the environment must hold for this backend to keep programs in a directory of its own.
        needed = getattr(backends.package(name), "cache_environment", None)
        if needed is not None:
            environ.update(needed(str(place / machine() / name), environ))
    return place


def _place(environ: MutableMapping[str, str]) -> Path | None:
    chosen = environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen).expanduser().absolute() if chosen else None
    try:
        base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # no home
        return None
    return Path(base) / "nnspec" / "programs"


def machine() -> str:
    """What programs for a CPU are compiled for: a home directory may be shared by machines that differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    about = [line for line in lines if line.partition(":")[0].strip() in ("flags", "Features", "model name")] or lines
    text = "\n".join([platform.machine(), *sorted(set(about))])
    return f"{platform.machine()}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def prune(place: Path, limit: int) -> None:
    """Delete the files that were not used for the longest time until the others have no more bytes than the limit."""
    found = []
    for file in place.rglob("*"):
        try:
            if file.is_file():
                about = file.stat()
                found.append((max(about.st_atime, about.st_mtime), about.st_size, file))
        except FileNotFoundError:  # another command was faster
            continue
    total = sum(size for _, size, _ in found)
    for _, size, file in sorted(found):
        if total <= limit:
            return
        file.unlink(missing_ok=True)
        total -= size
