"""Of a screen's page: how to read a result, the words it uses, and how a file of facts is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from rules.facts import Facts
from rules.plain import COUNTED, DERIVED, Plain
from rules.screen import UNCLEAR, Screen

HOW_TO_READ = """\
## How to read a result

1. **Flags** are safety: what was reported, how urgent it is and what it stops. They come before any finding.
2. A result has one **finding** for each side and each context (where the joint is): limited, not limited or not known.
3. Each test gives a **level**: clear, partial or blocked. Pain that ended a test, a "not sure" or a feeling in the
   wrong place gives no level; *How a level is read* says when.
4. It is limited where a **limit rule** of the context is true, **or a driver rule** is. Find the rule that the result
   names among its reasons, and read its "when". Where none is true and a limit rule is not known, the finding isn't.
5. Something not known stays not known: a rule that hangs on it is neither true nor false, unless the rest decides.
   A driver rule that isn't known is passed over like a false one: it makes nothing limited and nothing unknown.
6. The **driver rules** say what most likely drives a limitation. They are read from the top; the first that is true
   wins, and those below it are not looked at.
7. **Confidence** belongs to limited findings alone. It starts at medium. Some rules raise it to high, some cap it; the
   lowest cap wins. A confidence rule that isn't known neither raises nor caps.
8. **Priority** says which side and context lead, and when a limitation needs no work.
9. What leads chooses the **ladder**, and the lists on it the exercises: *How a session is chosen* says in which order,
   how often, and how much at first. Where nothing is known to be limited and something isn't known, there is an opener
   and a builder from the mixed ladder, and no lift.
10. `coxa rules explain FILE` prints this way for one client; *Worked examples* shows four, *A file of facts* how to
    write one.
"""
TERMS = """\
## Terms

- **primary** tests (the **main** tests) ask for the turning itself, **loaded** ones carry the body, **support** ones
  only back them up, **comparison** ones go into notes alone, **position** ones say where the weight sits.
- **tests here**: the tests of the finding's side and context, stand-ins among them, comparison tests not.
- **stand-in**: a test done in place of one that is left out. Rules name the test that it stands for.
- **the turning itself is limited here**: a limit rule of this side and context is true.
- **helped** (a change of position): on this side, in a test of this context, it was a level better than both tries
  without. Changes are tried in order until one helps; of several that did, one that fades counts first. **Fades**:
  without it again, the test was worse than with it. A breath can't be taken away again, so it is held against the
  tries before.
- **warmed up**: the second try without a change was better than the first.
- **not needed**: a test that doesn't apply, as an earlier answer settled it, its day hasn't come, or it is left out. It
  counts as neither limited nor unknown. **Not asked** and **no answer** count as unknown.
- **it was said that** something is so: false, and never unknown, where nobody asked or the answer was “not sure”.
- **yes or not sure**: a warning that counts as soon as the client isn't sure. Elsewhere “not sure” is unknown.
- **told in words**: no question asks for it; only what the client types can raise it.
- **near miss**: a rule that a single one of its conditions kept from being true. It changes nothing.
- **hangs on**: what isn't known, in a trace, and would decide the rule.
- **drill**, **opener**, **builder**, **lift**: an opener is about position, a builder about control, a lift strength.
- **proposal**: the authors' own idea or a coach's judgement, which no source carries. `[8]` is a reference of the
  README, `[S]` the article that drives the screen.
- **P, I, C, S** are doses (breaths, seconds held, slow repeats, strength); **A1, A2** tries without a change,
  **B** with one, **A3** with it taken away.
"""
FLAG_WORDS = """\
What a flag stops, and what lifts it:

- **lock**: no test, no finding is told and no plan is made. An emergency or urgent lock stops the screening with the
  answer that raises it; after another, only the safety questions that are asked even then still come.
- **pause**: tests go on and the finding is told; no plan is made.
- **adapt**: tests, finding and plan go on. The “Not” conditions of exercises read the same answers and leave out what
  doesn't suit; the flag itself changes nothing.
- **note**: it is recorded for a coach, and nothing stops.

A lock or a pause is lifted by a coach or an operator, with a reason. Without a coach, the client may say after a
waiting time that they were examined, and is asked the safety questions again; what isn't reported any more is lifted,
and plans are gentle (without a lift) for a while. A few flags only a coach lifts. An answer that was tapped by mistake
and is taken back lifts its flag. An adapt or a note goes as soon as it is no longer reported. What a flag's condition
excepts itself (a written clearance, a late examination) keeps it from being raised; often another flag of the same row,
less urgent, stands then.

Of one row only the most urgent flag stands; of equally urgent ones the first in the file. “Not sure” counts as yes
where a rule says “yes or not sure”. Advice is what the client reads.
"""


class Terms:
    """The words of one screen, with their codes."""

    def __init__(self, screen: Screen, cases: Mapping[str, Facts], plain: Plain) -> None:
        self.screen, self.cases, self.plain = screen, cases, plain

    def lines(self) -> Iterator[str]:
        """Give the terms, then the screen's contexts and drivers."""
        yield TERMS
        yield from ("## Words", "")
        for context in self.screen.file.contexts:
            yield f"- **{context}**: {self.plain.word(f'context.{context}', context)}"
        for driver in dict.fromkeys([*(rule.driver for rule in self.screen.findings.drivers), UNCLEAR]):
            yield f"- **{driver}** (driver): {self.plain.word(f'driver.{driver}', driver)}"
        yield ""

    def facts_file(self) -> Iterator[str]:
        """Say how a file of facts is written, with all codes of tests and of what is derived."""
        yield from ("## A file of facts", "")
        yield "What `coxa rules explain FILE` reads, as YAML or JSON: `profile` and `reports` by the codes of *What is"
        yield "asked before the tests*, and one of `attempts` for each try. Everything may be left out. This is"
        yield from self._example()
        yield "- `test`: the code behind a test's name. `side`: `left` or `right`, `both` where both are done together."
        yield "- `try`: `A1` (as where it is left out), `A2`, `B:<change>`, `A3:<change>`. `day`: 1 (left out) or 2."
        yield "- `level`: `clear`, `partial`, `blocked`, `unknown` (not sure), `hurts` or `cannot`. `reached`: how far"
        yield "  it went before it hurt, as a level. `pain`: 0 to 10. `degrees`: 0 to 90. Both take `unknown`, too."
        yield "- `compensations`: `[]` where nothing else moved. Left out, it isn't known what moved, and a rule that"
        yield "  needs to know is passed over. Write `level` and `compensations` yourself: what an answer's words imply"
        yield "  (“weight went to the toes”) is worked out in the chat, not from `sensation` in a file."
        if self.screen.worded_only:
            told = ", ".join(f"`{path}`" for path in self.screen.worded_only)
            yield f"- Told in words alone, each `yes`: {told}."
        yield "- `reports.second_look`: `yes` once the second look has begun; a try of day 2 says so, too."
        yield from ("", "| of a try | codes | tests that take them |", "|---|---|---|")
        tests = self.screen.tests.values()
        sensations = {t.id: (*t.sensations, *(a.sensation for a in t.answers if a.sensation)) for t in tests}
        moved = {t.id: (*t.compensations, *(c for a in t.answers for c in a.compensations or ())) for t in tests}
        yield from self._codes("sensation", sensations)
        yield from self._codes("compensations", moved)
        yield from self._codes("phase", {t.id: t.phases for t in tests})
        yield from self._codes("change", {t.id: tuple(cue.id for cue in t.cues) for t in tests})
        yield from ("", "What a trace says of these, as `derived.<name>`, is worked out and not written:", "")
        first = self.plain.word("position.found")
        for name, (yes, _) in {"position_first": (first, ""), **DERIVED}.items():
            yield f"- `{name}`: yes where {yes}"
        gaps = {f"{test.id}_gap": self.plain.fact(f"derived.{test.id}_gap") for test in tests if test.degrees}
        yield "- " + "; ".join(f"`{name}`: {told.rstrip(',')}" for name, told in {**COUNTED, **gaps}.items())
        yield ""

    def _codes(self, field: str, taken: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        """List codes, those that the same tests take in one row."""
        by_tests: dict[str, list[str]] = {}
        for code in dict.fromkeys(code for held in taken.values() for code in held):
            called = self.plain.cue(code) if field == "change" else self.plain.word(f"option.{field}.{code}", code)
            takers = ", ".join(test for test, held in taken.items() if code in held)
            by_tests.setdefault(takers, []).append(f"`{code}` {called}")
        for takers, codes in by_tests.items():
            yield f"| {field} | {'; '.join(codes)} | {takers} |"

    def _example(self) -> Iterator[str]:
        """Show the facts of the shortest written case that has a change of position, or of the shortest."""
        if not self.cases:
            yield "an empty one: `{}`."
            yield ""
            return
        cued = {n: f for n, f in self.cases.items() if any(":" in attempt.try_ for attempt in f.attempts)}
        name, facts = min((cued or self.cases).items(), key=lambda one: len(one[1].attempts))
        held = facts.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        yield f"the case “{name}”:"
        text = yaml.safe_dump(held, default_flow_style=None, sort_keys=False, allow_unicode=True, width=118)
        yield from ("", "```yaml", text.rstrip(), "```", "")
