"""Words of other packages: found when they are wanted, told apart, and their faults told to those whom they concern."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from nnspec import backends, lacking, outside, vocabulary
from nnspec.errors import BackendError, SpecError
from nnspec.model import Model
from nnspec.reference.base import apply
from nnspec.schema import schema
from nnspec.spec import dump, parse

LAYERS = """
from __future__ import annotations
from nnspec import Activation, Layer
from nnspec.spec import PositiveInt, spec

@spec
class TwiceOver(Layer):
    times: PositiveInt = 2

@spec
class Sway(Activation):
    '''y = sin x.'''
"""
NAMES = '{"layer": {"PACKAGE.layers": {"TwiceOver": "TwiceOver"}}, "activation": {"PACKAGE.layers": {"sway": "Sway"}}}'
VOCABULARY = f"from nnspec import Vocabulary\nVOCABULARY = Vocabulary({NAMES})\n"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes a package of files and registers its vocabulary, as if it were installed."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(outside, "entry_points", lambda group: points if group == outside.GROUP else [])
    monkeypatch.syspath_prepend(tmp_path)
    outside.packages.cache_clear()
    before = set(sys.modules)

    def install(package: str, entry: str = "vocabulary:VOCABULARY", **files: str) -> None:
        (tmp_path / package).mkdir()
        for name, text in {"__init__": "", "layers": LAYERS, "vocabulary": VOCABULARY, **files}.items():
            (tmp_path / package / f"{name}.py").write_text(text.replace("PACKAGE", package))
        points.append(EntryPoint(package.removeprefix("nn_"), f"{package}.{entry}", outside.GROUP))
        outside.packages.cache_clear()

    yield install
    outside.packages.cache_clear()
    outside._failures.clear()
    for name in set(sys.modules) - before:
        if name.startswith("nn_"):
            del sys.modules[name]


def brings(**fields: object) -> str:
    """The text of a vocabulary with further fields."""
    given = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    return f"from nnspec import Vocabulary\nVOCABULARY = Vocabulary({NAMES}, {given})\n"


def test_words_are_read_and_written_as_ours_are(install: Install) -> None:
    install("nn_swing")
    model = parse("layer", {"Sequential": {"input": [4], "layers": [{"TwiceOver": 3}, "sway", {"Dense": 2}]}})
    assert isinstance(model, Model)
    assert [node.name for node in model.nodes] == ["twice_over", "sway", "dense"]
    assert type(model.nodes[0].layer).__module__ == "nn_swing.layers"
    assert model.nodes[0].layer.times == 3
    assert parse("layer", dump(model)) == model
    dense = nn.Dense(3, activation="sway")
    assert dump(dense) == {"Dense": {"features": 3, "activation": "sway"}}
    assert vocabulary.tag_of(type(dense.activation)) == "sway"


def test_nothing_is_imported_before_it_is_used(install: Install) -> None:
    install("nn_idle", vocabulary=brings(reference=("nn_idle.nothing",), cases=("nn_idle.nothing",)))
    parse("layer", {"Dense": 3})
    assert "nn_idle" not in sys.modules
    assert "TwiceOver" in vocabulary.tags("layer")
    assert "sway" in vocabulary.tags("activation")
    assert "TwiceOver" not in vocabulary.tags("activation")
    assert "nn_idle.layers" not in sys.modules
    parse("activation", "sway")
    assert "nn_idle.layers" in sys.modules


def test_names_of_ours_are_ours_alone(install: Install) -> None:
    install("nn_swing")
    assert "TwiceOver" not in vocabulary.class_names()
    assert not hasattr(nn, "TwiceOver")


@pytest.mark.parametrize(("wrong", "right"), [("TwiceOvr", "TwiceOver"), ("twice_over", "TwiceOver"), ("Sway", "sway")])
def test_unknown_names_are_met_with_the_nearest_of_all(install: Install, wrong: str, right: str) -> None:
    install("nn_swing")
    with pytest.raises(SpecError, match=f"unknown layer '{wrong}'; did you mean '{right}'"):
        parse("layer", wrong)


@pytest.mark.parametrize(
    ("files", "entry", "reason"),
    [
        ({"vocabulary": "import not_there_at_all"}, "vocabulary:VOCABULARY", "No module named 'not_there_at_all'"),
        ({"vocabulary": "1 / 0"}, "vocabulary:VOCABULARY", "ZeroDivisionError: division by zero"),
        ({}, "vocabulary:OTHER", "has no attribute 'OTHER'"),
        ({}, "nowhere:VOCABULARY", "No module named 'nn_broken.nowhere'"),
        ({"vocabulary": "VOCABULARY = {}"}, "vocabulary:VOCABULARY", "expected a nnspec.Vocabulary, got dict"),
    ],
)
def test_a_broken_package_disturbs_nobody_else(
    install: Install, files: Mapping[str, str], entry: str, reason: str
) -> None:
    install("nn_broken", entry, **files)
    install("nn_swing")
    assert parse("layer", {"Dense": 3}) == nn.Dense(3)
    assert parse("activation", "sway").kind == "activation"
    with pytest.raises(SpecError) as told:
        parse("activation", "wobble")
    assert "unknown activation 'wobble'" in str(told.value)
    assert f"the vocabulary of nn_broken (entry point broken = nn_broken.{entry}) cannot be used" in str(told.value)
    assert reason in str(told.value)
    with pytest.raises(SpecError, match="nn_broken"):
        schema()


def test_a_name_of_nnspec_is_not_taken(install: Install) -> None:
    names = {"activation": {"nn_greedy.layers": {"relu": "Sway", "sway": "Sway"}}}
    install("nn_greedy", vocabulary=f"from nnspec import Vocabulary\nVOCABULARY = Vocabulary({names!r})\n")
    assert parse("activation", "relu") == nn.ReLU()
    with pytest.raises(SpecError, match=r"nn_greedy .* names the activation 'relu', and so does nnspec itself"):
        parse("activation", "sway")


def test_activations_and_layers_are_told_apart_by_name(install: Install) -> None:
    names = {"activation": {"nn_greedy.layers": {"Dense": "Sway"}}}
    install("nn_greedy", vocabulary=f"from nnspec import Vocabulary\nVOCABULARY = Vocabulary({names!r})\n")
    with pytest.raises(SpecError, match="names the activation 'Dense', and so does nnspec itself"):
        parse("activation", "Dense")


def test_a_name_of_two_packages_is_refused_by_both_names(install: Install) -> None:
    own = '{"layer": {"PACKAGE.layers": {"TwiceOver": "TwiceOver", "ThriceOver": "TwiceOver"}}}'
    install("nn_swing")
    install("nn_other", vocabulary=f"from nnspec import Vocabulary\nVOCABULARY = Vocabulary({own})\n")
    with pytest.raises(SpecError) as told:
        parse("layer", "TwiceOver")
    assert "'TwiceOver' is named by nn_other (entry point other = nn_other.vocabulary:VOCABULARY)" in str(told.value)
    assert "and nn_swing (entry point swing = nn_swing.vocabulary:VOCABULARY)" in str(told.value)
    assert parse("layer", "sway").kind == "activation"
    assert type(parse("layer", "ThriceOver")).__module__ == "nn_other.layers"


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("", "has no attribute 'TwiceOver'"),
        ("TwiceOver = 3", r"is no layer: nn_half.layers.TwiceOver"),
        ("from nnspec import MSE as TwiceOver", r"is no layer: nn_half.layers.TwiceOver"),
    ],
)
def test_a_class_that_cannot_be_had_is_named_with_its_place(install: Install, layers: str, reason: str) -> None:
    install("nn_half", layers=layers)
    with pytest.raises(SpecError, match=reason) as told:
        parse("layer", {"Sequential": ["relu", "TwiceOver"]})
    assert "layer 'TwiceOver' of nn_half (entry point half = nn_half.vocabulary:VOCABULARY)" in str(told.value)
    assert told.value.path == ("Sequential", "layers", 1) or told.value.path == ("Sequential", 1)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"names": {"layers": {"m": {"A": "A"}}}}, "unknown kind 'layers'"),
        ({"names": {"layer": {"m": {"a.b": "A"}}}}, "'a.b' is not a name"),
        ({"names": {"layer": {"m": {3: "A"}}}}, "3 is not a name"),
        ({"names": {"layer": {"m": {"A": "A"}}, "activation": {"n": {"A": "A"}}}}, "'A' stands twice where a layer"),
        ({"names": {}, "reference": "m"}, "reference: expected names of modules, got 'm'"),
        ({"names": {}, "backends": {"jax": "m"}}, "jax: expected names of modules, got 'm'"),
        ({"names": {}, "cases": (1,)}, "cases: expected names of modules"),
    ],
)
def test_what_a_vocabulary_is_made_of(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        nn.Vocabulary(**fields)  # type: ignore[arg-type]


def test_the_schema_has_their_words(install: Install) -> None:
    import jsonschema

    install("nn_swing")
    made = schema()
    written = {"nnspec": 1, "model": [{"TwiceOver": {"times": 3}}, "sway"]}
    jsonschema.validate(written, made)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"nnspec": 1, "model": [{"TwiceOver": {"time": 3}}]}, made)


def test_what_a_package_does_not_realize_is_told_with_its_name(install: Install) -> None:
    install("nn_swing", vocabulary=brings(backends={"other": ("nn_swing.layers",)}))
    layer = parse("layer", "TwiceOver")
    error = lacking.missing("tensorflow", type(layer))
    assert str(error).startswith("the tensorflow backend has no realization of TwiceOver; nn_swing (entry point")
    assert str(error).endswith("brings TwiceOver, and nothing that realizes it there")
    with pytest.raises(BackendError, match=r"the reference has no realization of TwiceOver; nn_swing .*"):
        apply(layer, None, np.zeros(3))


def test_realizations_that_cannot_be_imported_are_told_where_they_are_wanted(install: Install) -> None:
    given = brings(reference=("PACKAGE.numpy",), backends={"jax": ("PACKAGE.jax",)})
    install("nn_half", vocabulary=given, numpy="import not_there_at_all", jax="1 / 0")
    outside.load_reference()
    outside.load_backend("jax")
    outside.load_backend("tensorflow")
    layer = parse("layer", "TwiceOver")
    assert "nn_half.jax cannot be imported: ZeroDivisionError" in str(lacking.missing("jax", type(layer)))
    assert "nothing that realizes it there" in str(lacking.missing("tensorflow", type(layer)))
    with pytest.raises(BackendError, match=r"nn_half\.numpy cannot be imported: .*not_there_at_all"):
        apply(layer, None, np.zeros(3))
    assert str(lacking.missing("jax", nn.Dense)) == "the jax backend has no realization of Dense"


def test_a_class_of_no_package_goes_by_its_own_name(install: Install) -> None:
    @nn.spec.spec
    class Dense(nn.Layer):  # named as one of nnspec's
        """y = x."""

    install("nn_swing")
    assert vocabulary.tag_of(Dense) == "Dense"
    assert outside.owner(Dense) is None
    assert str(lacking.missing("jax", Dense)) == "the jax backend has no realization of Dense"


def test_a_derived_class_is_not_taken_for_its_base(backend: backends.Backend) -> None:
    """It may mean something else: what realizes the base would compute that in silence."""

    @nn.spec.spec
    class Tied(nn.Dense):
        """y = x · kernel, tied."""

    @nn.spec.spec
    class Hasty(nn.Adam):
        """u = m̂."""

    assert backend.lacks(Tied) and backend.lacks(Hasty)
    with pytest.raises(BackendError, match=r"inner/tied: the .* backend has no realization of Tied"):
        backend.build(nn.Sequential([nn.Sequential([Tied(3)], name="inner")], [4]))
    with pytest.raises(BackendError, match="no realization of Hasty"):
        backend.engine(backend.build(nn.Sequential([nn.Dense(3)], [4])), loss=nn.MeanSquaredError(), optimizer=Hasty())


@pytest.mark.parametrize("arguments", [["--version"], ["summary", "spec.yaml"], ["train", "--help"]])
def test_commands_that_need_no_other_package_look_for_none(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "spec.yaml").write_text("nnspec: 1\nmodel: {input: [3], layers: [{Dense: 32}, gelu]}\n")
    program = (
        "import sys; from nnspec.cli.main import run; status = run(sys.argv[1:]);"
        "sys.exit(status or ('nnspec.outside' in sys.modules and 'looked'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
