"""The alternative text of a picture: the prompt on one line, cut between words."""

import pytest

from render_worker.contract import MAX_TEXT, alternative_text

WORDS = "a lighthouse at night, painted in oil by an old master of the sea, with waves that break at the rocks below it"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a tree", "a tree"),
        ("  a\ttree\r\n\nby  night ", "a tree by night"),
        ("a" * 125, "a" * 125),
        ("a\u2028tree\u0085", "a tree"),
        (f"{WORDS}, in a storm of the last winter", f"{WORDS}, in a storm…"),
        (f"{WORDS} and night, and more of it", f"{WORDS} and night…"),
        (f"{'ab' * 50} {'c' * 24} d", f"{'ab' * 50}…"),
        (f"{'ab' * 50} {'c' * 23} d", f"{'ab' * 50} {'c' * 23}…"),
        ("a" * 126, "a" * 124 + "…"),
        ("猫 " + "夜" * 200, "猫 " + "夜" * 122 + "…"),
        ("กำ" * 100, "กำ" * 62 + "…"),
        ("e\u0301" * 100, "e\u0301" * 62 + "…"),
        ("x" + "e\u0301" * 100, "x" + "e\u0301" * 61 + "…"),
        ("👩\u200d🚀" * 60, "👩\u200d🚀" * 41 + "…"),
        ("x" + "👍🏽" * 100, "x" + "👍🏽" * 61 + "…"),
        ("🇩🇪" * 100, "🇩🇪" * 62 + "…"),
        ("x" + "🇩🇪" * 100, "x" + "🇩🇪" * 61 + "…"),
        ("\u0301" * 200, "\u0301" * 124 + "…"),
    ],
)
def test_it_works(prompt, expected):
    assert alternative_text(prompt) == expected


@pytest.mark.parametrize("prompt", ["a " * (MAX_TEXT // 2), "a" * MAX_TEXT, "\u200d" * MAX_TEXT, ", " * 500])
def test_it_has_125_characters_at_most(prompt):
    assert 0 < len(alternative_text(prompt)) <= 125
