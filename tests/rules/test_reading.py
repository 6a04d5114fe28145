"""What people type is read as what they mean, and nothing else; red flags are never passed over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import load_library
from rules.library import read_yaml
from rules.reading import Reading, read, scan, truth
from rules.screen import Option, Question, Row, Test

PHRASES = read_yaml(Path(__file__).parent / "phrases.yaml")
LEXICON: Mapping[str, Any] = load_library().screens["hip_internal_rotation"].lexicon["en"]
SAID = {True: "yes", False: "no", None: "unclear"}


class Asked:
    """A question written small, as in phrases.yaml."""

    def __init__(self, name: str, spec: Mapping[str, Any]) -> None:
        self.rows = tuple(
            Row(
                path=row["path"],
                side=row.get("side"),
                options=tuple(Option(id=o, sets=row.get("sets", {}).get(o, {})) for o in row.get("options", ())),
            )
            for row in spec["rows"]
        )
        self.question = Question(id=name, part="p", kind=spec["kind"], rows=self.rows, highest=spec.get("highest", 10))
        self.labels: dict[str, Mapping[str, str]] = {
            row["path"]: {"yes": row["label"]}
            if "label" in row
            else {o: text for o, text in spec.get("labels", {}).items() if o in row.get("options", ())}
            for row in spec["rows"]
        }
        self.test = a_test(**spec["test"]) if "test" in spec else None

    def read(self, text: str) -> Reading | None:
        return read(text, self.question, self.rows, self.labels, LEXICON, test=self.test)


def a_test(**given: Any) -> Test:
    return Test.model_validate(
        {
            "context": "flexion",
            "moves": "femur",
            "role": "primary",
            "sides": "each",
            "posture": "chair",
            "seconds": 30,
            "answers": ({"id": "clear", "level": "clear"}, {"id": "blocked", "level": "blocked"}),
            "source": "proposal",
            **given,
        }
    )


ASKS = {name: Asked(name, spec) for name, spec in PHRASES["asks"].items()}


def phrases(*asks: str) -> list[Any]:
    return [
        pytest.param(phrase, id=f"{phrase['ask']}: {phrase['say']}")
        for phrase in PHRASES["phrases"]
        if phrase["ask"] in asks
    ]


def outcome(reading: Reading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    found: dict[str, Any] = {p: list(v) if isinstance(v, tuple) else v for p, v in reading.values.items()}
    if reading.control:
        found["control"] = reading.control
    if reading.unsure_page:
        found["unsure_page"] = True
    return found


@pytest.mark.parametrize("phrase", phrases(*ASKS))
def test_an_answer_is_read_as_it_is_meant(phrase: Mapping[str, Any]) -> None:
    assert outcome(ASKS[phrase["ask"]].read(phrase["say"])) == phrase["expect"]


@pytest.mark.parametrize("phrase", phrases("scan"))
def test_red_flags_are_heard_and_idioms_are_not(phrase: Mapping[str, Any]) -> None:
    found = {
        alarm.item: [mark for mark in ("negated", "other_person", "past") if getattr(alarm, mark)]
        for alarm in scan(phrase["say"], LEXICON)
    }
    assert found == phrase["expect"]


@pytest.mark.parametrize("item", LEXICON["red_flags"])
def test_each_red_flag_is_heard_in_many_words(item: str) -> None:
    passed_over = [
        text
        for text in PHRASES["raises"][item]
        if not any(alarm.item == item and not alarm.negated for alarm in scan(text, LEXICON))
    ]
    assert passed_over == []


def test_talk_of_training_and_of_the_day_raises_no_alarm() -> None:
    assert [(text, scan(text, LEXICON)) for text in PHRASES["silent"] if scan(text, LEXICON)] == []


def test_a_group_that_the_lexicon_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="no group @cannt"):
        scan("pain", {"red_flags": {"chest": {"say": ["@cannt breathe"]}}})


@pytest.mark.parametrize("phrase", phrases("truth"))
def test_a_closed_question_hears_only_a_plain_yes_or_no(phrase: Mapping[str, Any]) -> None:
    assert SAID[truth(phrase["say"], LEXICON)] == phrase["expect"]


def test_the_phrases_are_enough_and_a_quarter_of_them_are_negated_or_irrelevant() -> None:
    expected = [phrase["expect"] for phrase in PHRASES["phrases"]]
    quiet = [e for e in expected if not e or e == "unclear" or (isinstance(e, dict) and ["negated"] in e.values())]
    assert len(expected) >= 150
    assert len(quiet) >= len(expected) / 4


def test_every_red_flag_item_has_a_phrase_that_raises_it() -> None:
    raised = {item for phrase in PHRASES["phrases"] if phrase["ask"] == "scan" for item in phrase["expect"]}
    assert raised == set(LEXICON["red_flags"])


@pytest.mark.parametrize(
    ("text", "item", "words"),
    [
        ("oh, I feel Numb down below since Tuesday", "saddle", "Numb down below"),
        ("I've got NO chest pain at all", "chest", "NO chest pain"),
        ("my leg’s swollen", "swollen_leg", "leg’s swollen"),
    ],
)
def test_an_alarm_quotes_the_words_as_typed(text: str, item: str, words: str) -> None:
    assert [(alarm.item, alarm.words) for alarm in scan(text, LEXICON)] == [(item, words)]


@pytest.mark.parametrize(
    "typed",
    ["chset pain", "chest pian", "cheest pain", "suicidle thoughts", "sucidal", "cant breethe", "incontinance",
     "numbnes between my legs", "swolen calf", "anorexc", "fevr and chils", "coughing up blod"],
)  # fmt: skip
def test_a_mistyped_red_flag_is_still_heard(typed: str) -> None:
    assert scan(typed, LEXICON)


def test_of_two_mentions_the_one_that_is_not_denied_counts() -> None:
    (alarm,) = scan("no chest pain yesterday. Today chest pain again", LEXICON)
    assert not alarm.negated


def test_alarms_come_most_urgent_first_whatever_was_said_first() -> None:
    assert [alarm.item for alarm in scan("I fell yesterday and now my chest hurts", LEXICON)] == ["chest", "blow"]


def test_further_fields_are_kept_only_if_the_test_knows_them() -> None:
    asked = ASKS["level"]
    bare = a_test(id="f1")
    reading = read("left one pinches", asked.question, asked.rows, asked.labels, LEXICON, test=bare)
    assert outcome(reading) is None
    assert outcome(asked.read("left one pinches")) == {"f1.left.level": "hurts", "f1.left.sensation": "pinch"}


def test_an_answer_still_reads_without_a_lexicon() -> None:
    asked = ASKS["level"]
    assert outcome(read("Barely moves", asked.question, asked.rows, asked.labels, {})) == {"f1.left.level": "blocked"}
    assert scan("chest pain", {}) == ()
    assert truth("yes", {}) is None


def test_a_scan_takes_well_under_a_millisecond() -> None:
    texts = [phrase["say"] for phrase in PHRASES["phrases"]]
    for text in texts:
        scan(text, LEXICON)
    began = time.perf_counter()
    for text in texts:
        scan(text, LEXICON)
    assert (time.perf_counter() - began) / len(texts) < 0.001


# --- any text at all ------------------------------------------------------------------------------------------------

VOCABULARY = sorted(
    {word for phrase in PHRASES["phrases"] for word in phrase["say"].split()} | {"👍", "🤷", "?", "1", "7/10", "-"}
)
texts = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join),
)


@settings(deadline=None, max_examples=150)
@given(text=texts, ask=st.sampled_from(sorted(ASKS)))
def test_reading_never_raises_and_answers_only_what_was_asked(text: str, ask: str) -> None:
    asked = ASKS[ask]
    reading = asked.read(text)
    for path, value in reading.values.items() if reading else ():
        rows = [row for row in asked.rows if row.path == path]
        if not rows:
            assert asked.test is not None
            assert path.endswith((".sensation", ".compensations"))
            known = (*asked.test.sensations, *asked.test.compensations)
        elif not rows[0].options or isinstance(value, int | float):
            assert isinstance(value, int | float)
            assert asked.question.lowest <= value <= asked.question.highest
            continue
        else:
            known = tuple(option.id for option in rows[0].options)
        assert set(value if isinstance(value, tuple) else (value,)) <= set(known)


@settings(deadline=None, max_examples=200)
@given(text=texts)
def test_scanning_never_raises_and_quotes_only_what_was_typed(text: str) -> None:
    alarms = scan(text, LEXICON)
    assert all(alarm.words and alarm.words in text for alarm in alarms)
    assert len({alarm.item for alarm in alarms}) == len(alarms)
    assert truth(text, LEXICON) in (True, False, None)


@settings(deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["L", "Cs"]), max_size=60))
def test_text_without_letters_raises_no_alarm(text: str) -> None:
    assert scan(text, LEXICON) == ()


LABELS = st.lists(
    st.text(min_size=1, max_size=24).filter(lambda label: bool(label.strip())),
    min_size=2,
    max_size=6,
    unique_by=lambda label: " ".join(label.split()).casefold(),
)


@settings(deadline=None, max_examples=150)
@given(labels=LABELS, kind=st.sampled_from(["one", "many"]), data=st.data())
def test_a_label_typed_exactly_is_its_option(labels: list[str], kind: str, data: st.DataObject) -> None:
    options = tuple(Option(id=f"o{n}") for n in range(len(labels)))
    row = Row(path="reports.any", options=options)
    question = Question(id="any", part="p", kind=kind, rows=(row,))  # type: ignore[arg-type]  # drawn from the kinds
    chosen = data.draw(st.integers(0, len(labels) - 1))
    held = {"reports.any": {option.id: label for option, label in zip(options, labels, strict=True)}}
    reading = read(labels[chosen], question, (row,), held, LEXICON)
    wanted = options[chosen].id
    assert outcome(reading) == {"reports.any": [wanted] if kind == "many" else wanted}


@pytest.mark.parametrize(
    ("name", "label"), [(n, t) for n, a in ASKS.items() for r in a.labels.values() for t in r.values()]
)
def test_a_button_typed_in_full_is_read_whatever_its_case(name: str, label: str) -> None:
    asked = ASKS[name]
    exact = asked.read(label)
    assert exact is not None
    assert exact.values
    assert asked.read(f"  {label.upper()} ") == exact
