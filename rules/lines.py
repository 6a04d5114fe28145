"""Tells on which line of which file a piece of content stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

NAMES = ("id", "name", "reason", "path")
"""What an item of a list is called by: the first of these keys that it has."""


class Lines:
    """Where things stand in content files, looked up by their name: `drivers.flexion.femoral`, `exercise.ff1.cue`.

    Built of texts by path in the content folder; a file is parsed when it is first asked about.
    """

    def __init__(self, texts: Mapping[str, str], shown: str = "") -> None:
        self._texts, self._shown = texts, shown
        self._known: dict[str, Mapping[str, int]] = {}

    def place(self, file: str, at: str) -> str:
        """Give `folder/file:line` for a name in a file; the line of what it is part of where it has none itself."""
        if file not in self._known:
            self._known[file] = dict(reversed(list(_lines(self._texts.get(file, "")))))
        known, name = self._known[file], at
        while name and name not in known:
            name = name.rpartition(".")[0]
        shown = f"{self._shown}/{file}" if self._shown else file
        return f"{shown}:{known[name]}" if name else shown


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """List the names in a YAML text with the lines on which they begin."""
    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if node is not None:
        yield from _walk(node, "")


def _walk(node: yaml.Node, prefix: str) -> Iterator[tuple[str, int]]:
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                name = f"{prefix}.{key.value}" if prefix else str(key.value)
                yield name, key.start_mark.line + 1
                yield from _walk(value, name)
        case yaml.SequenceNode():
            for number, item in enumerate(node.value):
                name = f"{prefix}.{_called(item) or number}"
                yield name, item.start_mark.line + 1
                yield from _walk(item, name)


def _called(node: yaml.Node) -> str | None:
    """Give the name of a list's item, or None for one that has none."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if not isinstance(node, yaml.MappingNode):
        return None
    held = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return next((str(held[name]) for name in NAMES if name in held), None)
