"""Finds what authors named in a YAML text: the values behind its anchors, `&pinch`, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from rules.library import parse_yaml


def anchored(text: str, *, name: str) -> Mapping[str, Any]:
    """Give the value behind each anchor of a YAML text, read as content is; none of an empty text."""
    if not text.strip():
        return {}
    data = parse_yaml(text, name=name)
    loader = yaml.SafeLoader(text)
    if not loader.check_node():  # reads up to the document
        return {}
    loader.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it bare
    root = loader.compose_node(None, 0)
    ways = dict(reversed(list(_ways(root, ()))))
    return {anchor: _at(data, ways[id(node)]) for anchor, node in loader.anchors.items()}


def _ways(node: yaml.Node | None, way: tuple[Any, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """List the nodes by identity, with the keys that lead to them."""
    if node is None:
        return
    yield id(node), way
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _ways(value, (*way, key.value))
        case yaml.SequenceNode():
            for number, item in enumerate(node.value):
                yield from _ways(item, (*way, number))


def _at(data: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        data = data[key]
    return data
