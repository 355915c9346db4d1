"""The conformance suite: proves that a backend means what the spec says.

Cases are data, in files named as the spec's; checks ask one question each of every case they fit; tolerances have one
reason per check and none per case. Nothing here imports a framework or names a backend: a backend is met through the
protocol of :mod:`nnspec.backends` alone, so that the suite runs on anyone's.

``pytest --pyargs nnspec_conformance --backend NAME --dtype float64`` runs it; docs/conformance.md explains it.
"""
