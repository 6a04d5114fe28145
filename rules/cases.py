"""Written cases: facts by name, one like another with its own on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rules.facts import Facts


def facts_by_name(data: Any) -> Mapping[str, Facts]:
    """Make the facts of every case of a file that was read; raises ValueError naming the case that is none."""
    written = data.get("cases") if isinstance(data, Mapping) else None
    if not isinstance(written, list) or not all(isinstance(case, Mapping) and "name" in case for case in written):
        raise ValueError("it holds no cases; write cases: and a list of them, each with a name and facts")
    known = {str(case["name"]): case for case in written}
    if len(known) != len(written):
        names = [str(case["name"]) for case in written]
        raise ValueError(f"two cases are called {next(n for n in names if names.count(n) > 1)!r}; rename one")
    return {name: _facts(name, known) for name in known}


def _facts(name: str, known: Mapping[str, Mapping[str, Any]]) -> Facts:
    try:
        return Facts.model_validate(_merged(name, known, ()))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"case {name!r}: {where}: {first['msg']}") from error


def _merged(name: str, known: Mapping[str, Mapping[str, Any]], above: tuple[str, ...]) -> dict[str, Any]:
    """Lay a case's own facts over those of the case it is like; an attempt that is only named is taken away."""
    if name not in known or name in above:
        raise ValueError(f"case {above[-1] if above else name!r} is like {name!r}, which is no other case; mend it")
    case = known[name]
    base = _merged(case["like"], known, (*above, name)) if "like" in case else {}
    own = case.get("facts", {})
    attempts = {_key(attempt): attempt for attempt in base.get("attempts", ())}
    for attempt in (*own.get("attempts", ()), *case.get("attempts", ())):
        if set(attempt) <= {"test", "side"}:
            attempts.pop(_key(attempt), None)
        else:
            attempts[_key(attempt)] = attempt
    return {
        "profile": {**base.get("profile", {}), **own.get("profile", {})},
        "reports": {**base.get("reports", {}), **own.get("reports", {})},
        "attempts": list(attempts.values()),
    }


def _key(attempt: Mapping[str, Any]) -> tuple[Any, ...]:
    return attempt.get("test"), attempt.get("side"), attempt.get("try", "A1"), attempt.get("day", 1)
