"""The executable meaning of the vocabulary, in NumPy, for any float type.

One file per family, named as in the spec: each layer, loss, metric, optimizer, schedule and initializer is a few lines
that transcribe its docstring. Backends are judged against this package, so it is written to be read, not to be fast.
It computes in the dtype of its inputs: in float32 its own rounding error is the yardstick for a backend's.
"""

from __future__ import annotations

from nnspec import outside

# Classes of other packages have a meaning as ours do: whoever asks for one finds it registered.
outside.load_reference()
