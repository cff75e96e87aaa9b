"""The pages' texts: every language says the same things, and templates can read them all."""

import json

import pytest

from image_api.web.pages.texts import DEFAULT, FOLDER, languages

METHODS = set(dir(dict))


def paths(texts, prefix=""):
    """Yield the path of each text, and of the parts that hold them."""
    for key, value in texts.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")


def read(language):
    return json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", languages())
def test_no_key_is_the_name_of_a_method(language):
    assert [path for path in paths(read(language)) if path.rpartition(".")[2] in METHODS] == []


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_text(language):
    assert set(paths(read(language))) == set(paths(read(DEFAULT)))
