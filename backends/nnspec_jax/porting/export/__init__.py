"""How a spec is written as Flax source: one function for each class, in files named as the families.

``written`` says for a layer which module it has, what calls it, and where its variables lie::

    @written.register
    def dense(layer: Dense, place: Place) -> Written:
        return Written("{self}({0})", Made("nnx.Linear", (...)), {"kernel": Layout("kernel"), ...})

:mod:`classes` makes classes of a model's blocks, :mod:`bodies` their methods, :mod:`formatting` lays lines out, and
``snippets/`` holds the few classes and functions that Flax lacks, which are copied into the file that needs them.
"""
