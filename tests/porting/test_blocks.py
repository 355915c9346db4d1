"""Repeated blocks: found by nesting, by names, by structure; and none where nothing repeats."""

from __future__ import annotations

from collections.abc import Hashable

import nnspec as nn
from nnspec.graph import Node
from nnspec.model import Input, Model
from nnspec.porting.blocks import Block, find_blocks, inputs_of, result, structure


def alike(path: str, node: Node) -> Hashable:
    """Layers of one class are the same."""
    return type(node.layer).__name__


def flat(blocks: int, names: str) -> Model:
    """Residual blocks in one graph, whose nodes are named by a pattern of block and part."""
    nodes = [Node("stem", nn.Dense(4), ("input",))]
    before = "stem"
    for i in range(blocks):
        parts = enumerate(("dense", "relu", "out", "add"))
        dense, relu, out, add = (names.format(i=i + 1, part=part, n=4 * i + n) for n, part in parts)
        nodes += [
            Node(dense, nn.Dense(8 + i), (before,)),
            Node(relu, nn.ReLU(), (dense,)),
            Node(out, nn.Dense(4), (relu,)),
            Node(add, nn.Add(), (before, out)),
        ]
        before = add
    nodes.append(Node("head", nn.Dense(3), (before,)))
    return Model({"input": Input((4,))}, tuple(nodes), ("head",))


def leaves(block: Block) -> list[str]:
    """The paths of all nodes, in order."""
    found = []
    for part in block.parts:
        found += leaves(part) if isinstance(part, Block) else [block.path + part.name]
    return found


def test_names_say_what_belongs_together() -> None:
    root = find_blocks(flat(3, "stage_block{i}_{part}"), alike)
    blocks = [part for part in root.parts if isinstance(part, Block)]
    assert [block.name for block in blocks] == ["stage_block1", "stage_block2", "stage_block3"]
    assert [blocks[0].local(part) for part in blocks[0].parts] == ["dense", "relu", "out", "add"]
    assert blocks[1].given == ("stage_block1_add",) and blocks[1].outputs == ("stage_block2_add",)
    assert len({structure(block, alike) for block in blocks}) == 1


def test_structure_alone_is_enough() -> None:
    root = find_blocks(flat(4, "layer{n}"), alike)
    blocks = [part for part in root.parts if isinstance(part, Block)]
    assert len(blocks) == 4 and {len(block.parts) for block in blocks} == {4}
    assert len({structure(block, alike) for block in blocks}) == 1


def test_every_node_is_in_one_block_and_follows_what_it_takes() -> None:
    for model in (flat(3, "stage_block{i}_{part}"), flat(4, "layer{n}"), flat(1, "x{n}")):
        root = find_blocks(model, alike)
        assert sorted(leaves(root)) == sorted(node.name for node in model.nodes)
        _follows(root)


def _follows(block: Block) -> None:
    known = set(block.takes)
    for part in block.parts:
        assert set(inputs_of(part)) <= known
        if isinstance(part, Block):
            _follows(part)
        known.add(result(part))
    assert set(block.outputs) <= known


def test_nodes_of_another_kind_are_another_block() -> None:
    model = flat(4, "b{i}_{part}")
    nodes = [Node(n.name, nn.Tanh(), n.inputs) if n.name == "b2_relu" else n for n in model.nodes]
    root = find_blocks(Model(model.inputs, tuple(nodes), model.outputs), alike)
    blocks = [part.name for part in root.parts if isinstance(part, Block)]
    assert blocks == ["b1", "b3", "b4"]


def test_a_value_that_is_needed_outside_keeps_nodes_apart() -> None:
    model = flat(3, "b{i}_{part}")
    root = find_blocks(Model(model.inputs, model.nodes, ("head", "b2_relu")), alike)
    assert [part.name for part in root.parts if isinstance(part, Block)] == ["b1", "b3"]


def test_nested_models_are_blocks_and_shared_ones_call_the_same() -> None:
    def inner(size: int) -> Model:
        return nn.Sequential([nn.Dense(size), "relu", nn.Dense(4)])

    first = inner(8)
    nodes = (
        Node("a", first, ("x",)),
        Node("b", inner(9), ("a",)),
        Node("again", first, ("b",), "a"),
    )
    root = find_blocks(Model({"x": Input((4,))}, nodes, ("again",)), alike)
    a, b, again = (part for part in root.parts if isinstance(part, Block))
    assert structure(a, alike) == structure(b, alike)
    assert again.node is not None and again.node.shares == "a"
    assert [block.path for block in root.blocks()] == ["a/", "b/", "again/"]


def test_the_same_model_gives_the_same_blocks() -> None:
    found = [leaves(find_blocks(flat(5, "layer{n}"), alike)) for _ in range(2)]
    assert found[0] == found[1]


def test_nodes_that_share_variables_with_others_stay_outside() -> None:
    nodes = [Node("stem", nn.Dense(4), ("x",))]
    for i in range(3):
        nodes += [
            Node(f"b{i}_dense", nn.Dense(4), (nodes[-1].name,), "stem" if i == 1 else None),
            Node(f"b{i}_relu", nn.ReLU(), (f"b{i}_dense",)),
        ]
    root = find_blocks(Model({"x": Input((4,))}, tuple(nodes), ("b2_relu",)), alike)
    assert [part.name for part in root.parts if isinstance(part, Block)] == ["b0", "b2"]
