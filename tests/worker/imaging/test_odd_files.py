"""Odd files look as in Chromium, in each of the three formats, and docs/odd_files.md says so."""

from .odd_files import ODD_FILES
from .odd_files.__main__ import converted
from .odd_files.comparison import outcomes
from .odd_files.table import PAGE, page


def test_they_look_as_in_chromium_and_the_table_says_so():
    now = outcomes(converted)
    assert len(now) == len(ODD_FILES) >= 150
    assert {name: outcome for name, outcome in now.items() if outcome != ["right"] * 3} == {}
    assert PAGE.read_text() == page(now)
