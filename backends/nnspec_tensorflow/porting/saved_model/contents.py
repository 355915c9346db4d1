"""What a SavedModel holds, judged before anything of it is loaded or run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnspec.errors import FileError, PortError
from nnspec.files import reason
from nnspec_tensorflow.porting.saved_model.allowed import COMPUTING, why

FILE = "saved_model.pb"
# The graph of a model, which is without its weights, is smaller.
_LARGEST = 2**30


def is_saved_model(path: Path) -> bool:
    """Whether a directory holds a SavedModel."""
    return path.is_dir() and (path / FILE).is_file()


def checked(path: Path, signature: str | None) -> str:
    """The name of the signature that is read, of a SavedModel that executes nothing but arithmetic.

    Args:
        path: its directory.
        signature: the one that is asked for; by default ``serving_default``, or the only one.

    Raises:
        FileError: it is missing, damaged, too large, or of a kind that would execute something when it is loaded.
        PortError: there is no such signature, or it has operations that are not read.
    """
    graph = _graph(path)
    if not graph.HasField("object_graph_def"):
        raise FileError(
            f"{path} was written by TensorFlow 1, whose SavedModels run an initialization when they are loaded: load "
            "it where you trust it, and save it again with tf.saved_model.save"
        )
    names = [name for name in graph.signature_def if not name.startswith("__saved_model")]
    chosen = signature or ("serving_default" if "serving_default" in names or len(names) != 1 else names[0])
    if chosen not in names:
        raise PortError(f"{path} has no signature {chosen!r} (signatures: {', '.join(sorted(names)) or 'none'})")
    _check_objects(path, graph)
    _check_functions(path, graph, chosen)
    return chosen


def _graph(path: Path) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = path / FILE
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise FileError(f"{file} has {size / 1e9:.1f} GB; graphs of more than 1 GB are refused")
        found = SavedModel()
        found.ParseFromString(file.read_bytes())
    except OSError as error:
        raise FileError(f"{file} cannot be read: {reason(error)}") from None
    except DecodeError:
        raise FileError(f"{file} is damaged: it is no SavedModel") from None
    if len(found.meta_graphs) != 1:
        raise FileError(f"{path} holds {len(found.meta_graphs)} graphs; SavedModels of one graph are read")
    return found.meta_graphs[0]


def _check_objects(path: Path, graph: Any) -> None:
    """Refuse objects that run functions of the file while they are loaded."""
    for node in graph.object_graph_def.nodes:
        kind = node.WhichOneof("kind")
        if kind in ("resource", "asset"):
            raise FileError(
                f"{path} holds a {kind}, a table of words, say, which runs functions of the file or opens files when "
                "it is loaded: export the part of the model behind it"
            )
        if node.registered_saver or any(name for name in node.saveable_objects):
            raise FileError(f"{path} restores an object by a function of its own, which is not executed")


def _check_functions(path: Path, graph: Any, signature: str) -> None:
    """Refuse a signature that does anything but compute."""
    library = {one.signature.name: one for one in graph.graph_def.library.function}
    outputs = {info.name.partition(":")[0] for info in graph.signature_def[signature].outputs.values()}
    nodes = {node.name: node for node in graph.graph_def.node}
    begin = [nodes[name] for name in outputs if name in nodes]
    gradients = [one.gradient_func for one in graph.graph_def.library.gradient]
    gradients += [one.gradient_func for one in graph.graph_def.library.registered_gradients]
    todo = [name for node in begin for name in _called(node)] + gradients
    # A signature is also a function among the objects, by its name in the map of signatures.
    objects = graph.object_graph_def
    for node in objects.nodes:
        todo += [
            objects.nodes[child.node_id].bare_concrete_function.concrete_function_name
            for child in node.children
            if child.local_name == signature
            and objects.nodes[child.node_id].WhichOneof("kind") == "bare_concrete_function"
        ]
    seen: set[str] = set()
    for node in begin:
        _check_node(path, node, "the graph")
    while todo:
        name = todo.pop()
        if name in seen or name not in library:
            continue
        seen.add(name)
        for node in library[name].node_def:
            _check_node(path, node, name)
            todo += _called(node)


def _check_node(path: Path, node: Any, where: str) -> None:
    if node.op in COMPUTING:
        return
    text = why(node.op)
    raise PortError(
        f"{path}: the operation {node.op} ({node.name} in {where})"
        f"{f', which {text},' if text else ''} is not read: signatures may compute, and nothing else"
    )


def _called(node: Any) -> Iterator[str]:
    """The functions that an operation calls."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for one in value.list.func:
            yield one.name
