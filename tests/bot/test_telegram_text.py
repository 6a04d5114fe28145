"""How messages look on Telegram: parts that fit, marks that stay whole, keyboards that can be read."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.channels.telegram_text import LONGEST_TEXT, body, keyboard, length, parts, plain
from bot.workflow.ports import Message

WORDS = st.lists(
    st.one_of(
        st.text(alphabet="ab é🙂", min_size=1, max_size=12),
        st.sampled_from(["<b>bold</b>", "<i>aside</i>", "&amp;", "&lt;", "\n", "\n\n", "<b>two\n\nparts</b>"]),
    ),
    max_size=60,
).map(" ".join)


@given(WORDS, st.integers(8, 60))
def test_parts_fit_lose_nothing_and_keep_their_marks(text: str, most: int) -> None:
    cut = parts(text, most)
    assert all(length(part) <= most for part in cut)
    assert re.sub(r"\s", "", "".join(plain(part) for part in cut)) == re.sub(r"\s", "", plain(text))
    for part in cut:
        for mark in "bi":
            assert part.count(f"<{mark}>") == part.count(f"</{mark}>")


def test_a_text_is_cut_between_paragraphs() -> None:
    first, second = "a" * 3000, "b" * 3000
    assert parts(f"{first}\n\n{second}") == [first, second]


def test_length_counts_as_telegram_does() -> None:
    assert length("<b>a</b>&amp;🙂") == 4
    assert [length(part) for part in parts("🙂" * LONGEST_TEXT)] == [LONGEST_TEXT, LONGEST_TEXT]


def row(*labels: str, label: str | None = None, kind: str = "options", **more: Any) -> dict[str, Any]:
    buttons = [{"data": f"1:0:{n}", "label": text, "chosen": False} for n, text in enumerate(labels)]
    return {"label": label, "kind": kind, "open": True, "opens": None, "buttons": buttons, **more}


def texts(*rows: dict[str, Any]) -> list[list[str]]:
    return [[button["text"] for button in line] for line in keyboard(rows)]


def test_long_labels_stand_alone_and_short_ones_side_by_side() -> None:
    assert texts(row("Yes", "No", "Not sure")) == [["Yes", "No", "Not sure"]]
    assert texts(row("It hurts", "Easily, far", "Between fold and outer edge", "Not sure")) == [
        ["It hurts", "Easily, far"],
        ["Between fold and outer edge"],
        ["Not sure"],
    ]


def test_a_scale_has_two_lines() -> None:
    assert [len(line) for line in texts(row(*map(str, range(11)), kind="scale"))] == [6, 5]


def test_a_closed_side_is_one_button_that_opens_it() -> None:
    left, right = row("Easily", "Barely", label="LEFT"), row("Easily", "Barely", label="RIGHT")
    left = {**left, "open": False, "opens": "1:0:open"}
    left["buttons"][1]["chosen"] = True
    assert keyboard([left, right])[0] == [{"text": "✓ LEFT: Barely", "callback_data": "1:0:open"}]
    assert body(Message(text="How far?", rows=(left, right))) == "How far?\n\n✓ LEFT: Barely\n▸ <b>RIGHT</b>"
    left["buttons"][1]["chosen"] = False
    assert keyboard([left, right])[0][0]["text"] == "▸ LEFT"


def test_what_is_ticked_is_seen_without_colour() -> None:
    ticked = row("Groin", "Buttock")
    ticked["buttons"][0]["chosen"] = True
    assert texts(ticked) == [["✓ Groin", "Buttock"]]


def test_choices_too_long_for_a_phone_are_said_in_the_text() -> None:
    long = row("Numb between the legs, bladder or bowel change", "A limp")
    assert body(Message(text="Any of these?", rows=(long,))) == (
        "Any of these?\n\n• Numb between the legs, bladder or bowel change\n• A limp"
    )
    assert body(Message(text="Any?", rows=(row("A limp"),))) == "Any?"
