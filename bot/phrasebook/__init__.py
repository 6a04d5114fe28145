"""PURE: key + values + language -> text, from the bot's own wording and each screen's."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from rules import ContentError, Library
from rules.library import flat, read_yaml

HERE = Path(__file__).parent / "wording"
DEFAULT = "en"


class Phrase(Protocol):
    """A wording key and its values; see bot.conversation.effects.Line."""

    @property
    def key(self) -> str:
        """Give the key."""

    @property
    def values(self) -> Mapping[str, object]:
        """Give the values by slot."""


class Phrasebook:
    """All words by language: the bot's own lines, and each screen's under `<screen>/<key>`."""

    def __init__(self, library: Library, own: Mapping[str, Mapping[str, str]] | None = None) -> None:
        own = own or read_own()
        self._words: dict[str, dict[str, str]] = {language: dict(words) for language, words in own.items()}
        for screen in library.screens.values():
            for language, words in screen.wording.items():
                held = self._words.setdefault(language, {})
                held.update({f"{screen.id}/{key}": text for key, text in words.items()})

    def text(self, line: Phrase, language: str = DEFAULT) -> str:
        """Render a line as HTML; raises ContentError, naming key or slot, for one that is not worded."""
        template = self._template(line.key, line.values, language)
        values = {name: self._value(value, language) for name, value in line.values.items()}
        try:
            return template.format_map(values)
        except (KeyError, IndexError, ValueError) as error:
            raise ContentError(f"wording {line.key}: {error} has no value; pass it or remove the slot") from error

    @property
    def languages(self) -> tuple[str, ...]:
        """List the languages that there are words in."""
        return tuple(sorted(self._words))

    def has(self, key: str, language: str = DEFAULT) -> bool:
        """Tell whether a key is worded."""
        return key in self._words.get(language, {})

    def _template(self, key: str, values: Mapping[str, object], language: str) -> str:
        for words in (self._words.get(language, {}), self._words.get(DEFAULT, {})):
            if key in words:
                return words[key]
            count = values.get("count")
            if isinstance(count, int):
                form = f"{key}.one" if count == 1 else f"{key}.other"
                if form in words:
                    return words[form]
        raise ContentError(f"wording/{language}.yaml lacks {key}; add it")

    def _value(self, value: object, language: str) -> str:
        match value:
            case str():
                return html.escape(value, quote=False)
            case int():
                return str(value)
            case _ if hasattr(value, "items") and hasattr(value, "glue"):
                return str(value.glue).join(self.text(item, language) for item in value.items)
            case _ if hasattr(value, "key"):
                return self.text(value, language)  # type: ignore[arg-type]  # told by its shape, as Phrase says
        raise ContentError(f"{value!r} can't be said; pass text, a number or a Line")


def read_own() -> dict[str, dict[str, str]]:
    """Read the bot's own wording, by language."""
    return {path.stem: flat(read_yaml(path), str(path)) for path in sorted(HERE.glob("*.yaml"))}


def load_phrasebook(library: Library) -> Phrasebook:
    """Read the bot's own wording and join it with the screens'."""
    return Phrasebook(library)
