"""BLOCKED_TERMS_FILE: which texts have a term, and what becomes of a file that changes or cannot be used."""

import logging
import os
import subprocess
import sys
import timeit
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from image_api import blocked_terms
from image_api.blocked_terms import MAX_BYTES, BlockedTerms, Terms, words_of
from image_api.limits.blocked_prompts import BlockedPrompts
from image_api.settings import Settings, load
from tests.fakes.processes import wait_until


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("nude", "a NUDE statue"),
        ("nude", "Nude, in oil"),
        ("nude", "(nude:1.3)"),
        ("nude", "semi-nude"),
        ("nude", "nu\u00adde"),
        ("nude", "n\u200bu\u200dd\u2060e"),
        ("nude", "\uff4e\uff55\uff44\uff45"),  # full width
        ("nude", "ｎude, \u24dd\u24e4\u24d3\u24d4"),
        ("nude", "n\u0336u\u0336d\u0336e\u0336"),  # struck through
        ("nude", "nüdé"),
        ("Café", "a cafe at night"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("blood bath", "a blood-bath"),
        ("blood bath", "blood,   bath"),
        ("blood bath", "Blood\nbath"),
        ("blood-bath", "blood_bath"),
        ("area 51", "area 51!"),
        ("голый", "Голый человек"),
        ("血", "流血的人"),
        ("敏感词", "一个敏感词的图片"),
        ("敏感词", "敏感 词"),
        ("敏感词", "敏-感-词"),
        ("porn", "一张porn图片"),
        ("ガンダム", "ｶﾞﾝﾀﾞﾑの絵"),  # half width
        ("고양이", "고양이를 그려"),
        ("แมว", "ภาพแมวน้อย"),
        ("किताब", "एक किताब"),
        ("محمد", "مُحَمَّد"),
    ],
)
def test_a_text_with_a_term_is_found(term, text):
    assert Terms(term).found_in(text)
    assert Terms(f"other\n{term}\nmore words").found_in(f"before {text} after")


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("nude", "nudes"),
        ("nude", "denuded"),
        ("ass", "a bass player on the grass"),
        ("blood bath", "a bath of blood"),
        ("blood bath", "bloodbath"),
        ("blood bath", "blood"),
        ("blood bath", "blood in a bath"),
        ("area 51", "area 5"),
        ("か", "が"),
        ("가", "각"),
        ("किताब", "किता"),
        ("敏感词", "敏感"),
        ("nude", ""),
        ("nude", "!?"),
    ],
)
def test_another_text_is_not(term, text):
    assert not Terms(term).found_in(text)


def test_comments_and_empty_lines_are_no_terms():
    terms = Terms("# nude\n\n   \r\n  # more\n  tree  \r\n")
    assert not terms.found_in("nude more #")
    assert terms.found_in("a tree")


def test_of_terms_that_begin_alike_each_is_found():
    terms = Terms("red\nred square\nred square of doom\n赤\n赤い")
    for text in ("red", "red square", "the red square of doom", "赤", "赤い"):
        assert terms.found_in(text)
    assert not Terms("red square\nred circle").found_in("red triangle, square circle")


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_normalisation_of_neither_matters(form):
    for term in ("Éclair", "ガンダム", "고양이", "Việt Nam"):
        assert Terms(term).found_in(unicodedata.normalize(form, f"x {term} x"))
        assert Terms(unicodedata.normalize(form, term)).found_in(f"x {term} x")


@given(st.text(max_size=15), st.lists(st.text(max_size=10), max_size=3), st.text(max_size=20), st.text(max_size=20))
def test_whatever_a_term_is_a_text_with_it_is_found(term, others, before, after):
    """Also if it is written in capitals, decomposed, or with a soft hyphen in it."""
    assume(words_of(term) and "#" not in term and len(term.splitlines()) == 1)
    terms = Terms("\n".join([*(it for it in others if words_of(it) and len(it.splitlines()) == 1), term]))
    for spelled in (term, term.upper().lower(), unicodedata.normalize("NFD", term), f"{term[:1]}\u00ad{term[1:]}"):
        if words_of(spelled) == words_of(term):  # a few letters, such as ı, have a capital of another letter
            assert terms.found_in(f"{before} {spelled} {after}")


@given(st.text())
def test_words_of_words_are_the_same(text):
    assert words_of(" ".join(words_of(text))) == words_of(text)


def test_many_terms_cost_no_more_than_few():
    terms = Terms("\n".join(f"term{number} of{number}" for number in range(20_000)))
    assert terms.found_in("a term19999 of19999")
    assert not terms.found_in("a term19999 of1")


@pytest.mark.parametrize(
    ("term", "text"), [("red {}", "red " * 333), ("赤{:c}い", "赤" * 1000)], ids=["words", "characters"]
)
def test_many_terms_of_one_beginning_cost_no_more_than_few(term, text):
    few, many = (Terms("\n".join(term.format(0x4E00 + it) for it in range(count))) for count in (5, 10_000))
    seconds = {terms: min(timeit.repeat(lambda it=terms: it.found_in(text), number=1)) for terms in (few, many)}
    assert seconds[many] < 50 * seconds[few]  # of what had to be compared it would be 2,000 times


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "cannot be read: No such file"),
        (b"caf\xe9", "is not in UTF-8"),
        (b"a" * (MAX_BYTES + 1), "is larger than 256 KiB"),
        (b"tree\n\n...\n", "line 3 has neither a letter nor a digit"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_start(tmp_path, monkeypatch, data, sentence):
    file = tmp_path / "terms.txt"
    if data is not None:
        file.write_bytes(data)
    monkeypatch.setenv("BLOCKED_TERMS_FILE", str(file))
    with pytest.raises(SystemExit) as ended:
        load()
    assert str(ended.value).startswith("BLOCKED_TERMS_FILE cannot be used: ")
    assert sentence in str(ended.value)
    assert "caf" not in str(ended.value)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_without_a_wait(tmp_path, kind):
    path = tmp_path / "terms"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(ValidationError, match="is no file"):
        Settings(blocked_terms_file=path)


def test_without_the_variable_nothing_is_blocked(monkeypatch):
    monkeypatch.setenv("BLOCKED_TERMS_FILE", " ")
    assert load().blocked_terms_file is None


def test_a_byte_order_mark_is_no_part_of_the_first_term(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_bytes(b"\xef\xbb\xbftree\r\nhouse\r\n")
    assert BlockedTerms(file).found_in("a tree")


def test_a_changed_file_is_read_again(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_text("tree\n")
    terms = BlockedTerms(file)
    file.write_text("house, garden\n")
    wait_until(lambda: terms.found_in("a house garden"), "the changed file is read")
    assert not terms.found_in("a tree")


def test_lines_whose_punctuation_does_not_count_are_logged(tmp_path, caplog):
    file = tmp_path / "terms.txt"
    file.write_text("# c++\nsemi-nude\nc++\ncafe\u0301\n*.png\n赤\n" + 9 * "nud*\n")
    assert BlockedTerms(file).found_in("in c")
    assert "so these lines block the words alone: 3, 5, 7, 8, 9, …" in caplog.text
    assert "png" not in caplog.text


def test_they_are_logged_once_at_the_start(tmp_path, caplog, monkeypatch):
    file = tmp_path / "terms.txt"
    file.write_text("c++\n")
    monkeypatch.setenv("BLOCKED_TERMS_FILE", str(file))
    BlockedPrompts(load().blocked_terms_file)
    assert caplog.text.count("block the words alone: 1") == 1


def test_without_a_file_its_patterns_are_not_compiled():
    script = "import sys, image_api; sys.exit('image_api.blocked_terms' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.mark.parametrize("broken", [None, b"\xff\xfe", b"---"])
def test_a_version_that_cannot_be_used_keeps_the_one_before_and_is_logged_once(tmp_path, caplog, broken):
    file = tmp_path / "terms.txt"
    file.write_text("tree\n")
    terms = BlockedTerms(file)
    file.unlink() if broken is None else file.write_bytes(broken)

    def warnings() -> list[str]:
        assert terms.found_in("a tree")
        own = [it for it in caplog.records if it.name == blocked_terms.__name__]
        return [it.getMessage() for it in own if it.levelno == logging.WARNING]

    wait_until(warnings, "the broken version is noticed")
    terms.look()
    assert len(warnings()) == 1
    file.write_text("a mended one\n")
    wait_until(lambda: not terms.found_in("a tree"), "the mended file is read")
