"""AUTOMATIC1111 and its likes: a prompt means its words, and what is code there without an escape is refused."""

import re

import pytest

from render_worker.contract import Recipe
from render_worker.engines.automatic1111.prompts import escaped
from render_worker.errors import InvalidParameter
from tests.fakes.at_automatic1111 import asked, make, play


def words(sent):
    """Return the words of a prompt as the web UI's parser reads a backslash: the next character is itself."""
    return re.sub(r"\\(.)", r"\1", sent)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a tree (oak) in the rain", r"a tree \(oak\) in the rain"),
        ("(word:1.3)", r"\(word:1.3\)"),
        ("[a:b:0.5] and [a|b]", r"\[a:b:0.5\] and \[a|b\]"),
        ("((a", r"\(\(a"),
        (r"back\slash \(", r"back\\slash \\\("),
        ("a clock at 10:30", r"a clock at 10:\30"),
        ("odds 3 : 2.5", r"odds 3 : \2.5"),
        ("weight: -.5", r"weight: \-.5"),
        ("10:30 o'clock", "10:30 o'clock"),
        ("naïve 猫 <3 a < b > c, a_b __ {x} 100% *", "naïve 猫 <3 a < b > c, a_b __ {x} 100% *"),
    ],
)
def test_what_has_an_escape_means_its_words(site, text, sent):
    recipe = Recipe(prompt=text, negative_prompt=text)
    make(site, recipe=recipe)
    (body,) = [entry["body"] for entry in asked(site)]
    assert (body["prompt"], body["negative_prompt"]) == (sent, sent)
    assert words(sent) == text


@pytest.mark.parametrize("text", ["SALT AND PEPPER", "a BREAK b", "a AND_PERP b:2x", "AND"])
def test_keywords_in_capitals_are_small_letters_which_clip_reads_alike(text):
    assert escaped(text).lower() == text.lower()
    assert not re.search("AND|BREAK", escaped(text))
    assert escaped("BRANDS OF BREAKFAST") == "BRANDS OF BREAKFAST"


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("<lora:detail:0.8>", "<lora:detail:0.8>"),
        ("<hypernet:anime:1>", "<hypernet:anime:1>"),
        ("<lyco:x(1):1>", "<lyco:x(1):1>"),
        ("<lora:never closed", "<lora:never closed"),
        ('<sd_cpp_extra_args>{"steps": 999}</sd_cpp_extra_args>', "<sd_cpp_extra_args"),
        ("</SD_CPP_extra_args>", "</SD_CPP_extra_args"),
        ("a __animal__ here", "__animal__"),
        ("__colours/warm one__", "__colours/warm one__"),
        ("a {cat|dog}", "{cat|dog}"),
        ("a {2$$cat|dog|}", "{2$$cat|dog|}"),
        ("${x=1}", "${"),
    ],
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_what_has_no_escape_is_refused_by_name(site, field, code, named):
    recipe = Recipe(**{"prompt": "a tree", field: f"a tree {code}"})
    with pytest.raises(InvalidParameter, match=f"^{field} must not hold {re.escape(named)}"):
        make(site, recipe=recipe)
    assert asked(site) == []


@pytest.mark.parametrize(
    ("flavour", "comments", "refused"),
    [
        ("a1111", None, True),
        ("forge", True, True),
        ("sdnext", None, True),
        ("a1111", False, False),
        ("sdcpp", None, False),
    ],
)
def test_a_comment_is_refused_unless_the_server_reads_none(site, flavour, comments, refused):
    play(site, automatic1111_flavour=flavour, automatic1111_comments=comments)
    recipe = Recipe(prompt="a tree", negative_prompt="the #1 dog")
    if refused:
        with pytest.raises(InvalidParameter, match=r"^negative_prompt must not hold #"):
            make(site, recipe=recipe)
        assert asked(site) == []
    else:
        make(site, recipe=recipe)
        assert asked(site)[0]["body"]["negative_prompt"] == "the #1 dog"


def test_a_long_and_hostile_prompt_takes_no_time():
    for piece in ("<a:", "{|", "__a", ":1", "((", "\\", "a: ", "$", "<", "_"):
        escaped(piece * (2000 // len(piece)))
