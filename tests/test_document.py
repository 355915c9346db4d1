"""Spec files: YAML 1.2 and JSON, strict, bounded, with lines, and the same after writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from nnspec import document
from nnspec.errors import FileError, SpecError


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's two parsers: libyaml's is missing in some builds."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


# The table of YAML 1.2.2, section 10.3.2, and what YAML 1.1 makes of the same texts where that differs.
SCALARS: dict[str, Any] = {
    "null": None,
    "~": None,
    "": None,
    "true": True,
    "False": False,
    "0": 0,
    "-19": -19,
    "+12": 12,
    "0o14": 12,
    "0x3A": 58,
    "1e-3": 1e-3,
    "1E5": 1e5,
    "-1.5": -1.5,
    ".5": 0.5,
    "5.": 5.0,
    "0.": 0.0,
    "12e03": 12000.0,
    "0.25e+2": 25.0,
    "yes": "yes",
    "no": "no",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "12:30": "12:30",
    "12:30:45": "12:30:45",
    "2024-01-01": "2024-01-01",
    "1_000": "1_000",
    "0b11": "0b11",
    "1e": "1e",
    "e5": "e5",
    ".": ".",
    "nan": "nan",
    "inf": "inf",
    "'010'": "010",
    '"1"': "1",
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", SCALARS)
def test_scalars_of_yaml_1_2(text: str) -> None:
    found = document.loads(f"a: {text}").data["a"]
    assert found == SCALARS[text] and type(found) is type(SCALARS[text])


SPEC = """\
# a comment
nnspec: 1
model:
  input: [64]
  layers:
    - Dense: {features: 512,
              kernel_init: he_normal}
    - BatchNorm
    - Dropout:
        0.3
loss: SoftmaxCrossEntropy
"""


@pytest.mark.usefixtures("parser")
def test_lines_are_known() -> None:
    read = document.loads(SPEC, "spec.yaml")
    lines: dict[tuple[str | int, ...], int] = {
        (): 2,
        ("nnspec",): 2,
        ("model",): 3,
        ("model", "input", 0): 4,
        ("model", "layers", 0): 6,
        ("model", "layers", 0, "Dense", "kernel_init"): 7,
        ("model", "layers", 1): 8,
        ("model", "layers", 2, "Dropout"): 9,
        ("loss",): 11,
    }
    assert {path: read.line_of(path) for path in lines} == lines
    # Places that are not in the file belong to the innermost one that is.
    assert read.locate(("model", "layers", 0, "Dense", "use_bias")) == "spec.yaml:6"
    assert read.locate(("training", "epochs")) == "spec.yaml:2"


def test_lines_of_json() -> None:
    read = document.loads('{\n "nnspec": 1,\n "loss":\n  "MSE"\n}', "spec.json")
    assert read.data == {"nnspec": 1, "loss": "MSE"}
    assert read.locate(("loss",)) == "spec.json:3"
    # Tabs are JSON but no YAML: then the line is not known, and the file is read all the same.
    assert document.loads('{\n\t"nnspec":\n\t1\n}', "spec.json").locate(("nnspec",)).startswith("spec.json")


def test_aliases_of_ordinary_size() -> None:
    read = document.loads("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]")
    assert read.data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}, {"b": [1, 2]}]}


_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n" for name in "bcdefghi"
)

REFUSED = {
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2", "f.yaml:4: the key 'c' is given twice, first on line 3"),
    "duplicate key in flow": ("{a: 1, a: 1}", "the key 'a' is given twice"),
    "duplicate key in quotes": ("a: 1\n'a': 1", "f.yaml:2: the key 'a' is given twice"),
    "leading zero": ("a:\n  - 010", r"f.yaml:2: 010 is ambiguous \(8 in YAML 1.1, 10 in YAML 1.2\): write 10 or 0o10"),
    "leading zero, negative": ("a: -012", r"-012 is ambiguous \(-10 in YAML 1.1, -12 in YAML 1.2\): write -12$"),
    "leading zero, not octal": ("a: 089", "089 begins with a zero: write 89"),
    "two zeros": ("a: 00", "00 begins with a zero: write 0"),
    "nan": ("a: .nan", "numbers are finite in spec files, got .nan"),
    "inf": ("a: -.inf", "numbers are finite in spec files, got -.inf"),
    "overflow": ("a: 1e999", "1e999 is out of the range of floats"),
    "endless integer": ("a: " + "9" * 5000, "a number of 5000 digits is out of range"),
    "python object": (
        "a: !!python/object/apply:os.system [ls]",
        "tags make objects .* got !!python/object/apply:os.system",
    ),
    "standard tag": ("a: !!float 1", "tags make objects and are not read in spec files, got !!float"),
    "own tag": ("a: !dense {}", "got !dense"),
    "tagged key": ("!!str a: 1", "got !!str"),
    "set": ("!!set {a, b}", "got !!set"),
    "billion laughs": (_LAUGHS, r"its aliases \(\*\) stand for more than 100,000 values"),
    "alias of itself": ("a: &x [*x]", r"the alias \*x refers to no earlier, complete value"),
    "unknown alias": ("a: *x", r"the alias \*x refers to no earlier"),
    "merge key": ("a: {b: 1}\nc:\n  <<: {d: 1}", "f.yaml:3: merge keys"),
    "number as key": ("a:\n  1: x", "f.yaml:2: keys are words, got 1"),
    "boolean as key": ("true: x", "keys are words, got true"),
    "nothing as key": ("~: x", "keys are words, got ~"),
    "list as key": ("? [a]\n: x", "keys are words, got a list"),
    "two documents": ("a: 1\n---\nb: 1", "f.yaml:2: a second document begins here"),
    "empty": ("", "f.yaml:1: the file is empty"),
    "comments only": ("# nothing\n", "the file is empty"),
    "open bracket": ("a: [1,\nb: 2", "f.yaml:[23]: not valid YAML"),
    "tab": ("a:\n\tb: 1", "f.yaml:2: not valid YAML"),
    "bad indentation": ("a:\n  - b\n c: 1", "f.yaml:3: not valid YAML"),
    "control character": ("a: 1\nb: \x07", "f.yaml:2: not valid YAML: the character"),
    "nul": ("a: \0", "not valid YAML: the character"),
    "surrogate": ("a: \ud800", "half of a surrogate pair|not allowed"),
    "deep": ("[" * 500, "nested more than 100 levels deep"),
    "very deep": ("[" * 100_000, "nested|not valid YAML"),
    "deep blocks": ("".join("  " * i + "- \n" for i in range(150)), "nested more than 100 levels deep"),
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(SpecError, match=message) as caught:
        document.loads(text, "f.yaml")
    assert str(caught.value).startswith("f.yaml:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ('{"a": NaN}', "numbers are finite in spec files, got NaN"),
        ('{"a": -Infinity}', "got -Infinity"),
        ('{"a": 1e999}', "got 1e999"),
        ('{"a": 010}', "f.json:1: not valid JSON"),
        ('{"a": ' + "9" * 5000 + "}", "5000 digits"),
        ("{\n'a': 1}", "f.json:2: not valid JSON"),
        ("", "f.json:1: not valid JSON"),
        ("[" * 200 + "]" * 200, "nested more than 100 levels deep"),
        ("[" * 200_000, "nested more than 100 levels deep"),
    ],
)
def test_refused_json(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        document.loads(text, "f.json")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no file"):
        document.read(tmp_path / "missing.yaml")
    with pytest.raises(FileError, match="is a directory, not a spec file"):
        document.read(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: é".encode("latin-1"))
    with pytest.raises(FileError, match=r"latin.yaml:2: not UTF-8 text \(byte 0xe9\)"):
        document.read(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * 10_000_001)
    with pytest.raises(FileError, match="larger than 10 MB"):
        document.read(tmp_path / "large.yaml")
    with pytest.raises(FileError, match="cannot be read"):
        document.read("a\0b")
    with pytest.raises(FileError, match="cannot be read: Not a directory"):
        document.read(tmp_path / "latin.yaml" / "below")


def test_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert document.read(tmp_path / "a.yaml").data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: []", "f.yaml:1: the format version is missing: put 'nnspec: 1' on the first line"),
        ("a: 1\nnnspec: 2", "f.yaml:2: this file is of format 2; this is nnspec .*, which reads up to 1: upgrade"),
        ("nnspec: '1'", "f.yaml:1: nnspec: the format version is a number, got '1'"),
        ("nnspec: true", "the format version is a number, got True"),
        ("nnspec: 0", "the format version is a number, got 0"),
        ("- a", "a spec file is a mapping, got a list: put"),
        ("just words", "a spec file is a mapping, got a text"),
        ("~", "a spec file is a mapping, got nothing"),
    ],
)
def test_format_versions(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        document.loads(text, "f.yaml").check_format()


# -- writing ----------------------------------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
    st.sampled_from([text for text in SCALARS if text]),
)
_DATA = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=12
)


@given(_DATA)
def test_written_and_read_again(data: Any) -> None:
    for source in ("a.yaml", "a.json"):
        assert _typed(document.loads(document.dumps(data, source), source).data) == _typed(data)


@given(_DATA)
def test_readers_of_yaml_1_1_read_the_same(data: Any) -> None:
    assert _typed(yaml.safe_load(document.dumps(data))) == _typed(data)


def _typed(value: Any) -> Any:
    """Values with their types, so that 1, 1.0 and True differ, and 0.0 from -0.0."""
    if isinstance(value, dict):
        return {key: _typed(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_typed(held) for held in value]
    return type(value).__name__, repr(value)


def test_what_is_written_reads_like_notes() -> None:
    data = {
        "nnspec": 1,
        "model": {"input": [64], "layers": [{"Dense": {"features": 512, "use_bias": False}}, "gelu", {"Dropout": 0.3}]},
        "optimizer": {"AdamW": {"learning_rate": {"WarmupCosine": {"peak": 0.001, "warmup_steps": 40}}}},
        "training": {"epochs": 30, "early_stopping": {"patience": 5}},
    }
    assert document.dumps(data) == (
        "nnspec: 1\n"
        "model:\n"
        "  input: [64]\n"
        "  layers:\n"
        "    - Dense: {features: 512, use_bias: false}\n"
        "    - gelu\n"
        "    - Dropout: 0.3\n"
        "optimizer: {AdamW: {learning_rate: {WarmupCosine: {peak: 0.001, warmup_steps: 40}}}}\n"
        "training: {epochs: 30, early_stopping: {patience: 5}}\n"
    )


def test_lines_are_written_as_lines() -> None:
    program = 'module {\n  func @main # of one: "example"\n\n}\n'
    layers = [{"StableHLO": {"program": program, "variables": ["kernel"]}}, "gelu"]
    assert document.dumps({"layers": layers}) == (
        "layers:\n"
        "  - StableHLO:\n"
        "      program: |\n"
        "        module {\n"
        '          func @main # of one: "example"\n'
        "\n"
        "        }\n"
        "      variables: [kernel]\n"
        "  - gelu\n"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_no_spec_file_holds_is_not_written(value: Any) -> None:
    with pytest.raises(SpecError):
        document.dumps({"a": value})
