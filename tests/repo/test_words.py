"""The code speaks in the field's terms: grep for a term finds its module, and the prose stays plain."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [
    path
    for folder in ("image_api", "render_worker", "sandbox", "local", "bench")
    for path in (ROOT / folder).rglob("*.py")
]
WITHOUT_PAINTER = [path for path in SOURCES if "painter" not in path.parts]
TERMS = {
    "single-flight": "image_api/generation/single_flight.py",
    "idempotency": "render_worker/generation/idempotency.py",
    "circuit breaker": "render_worker/circuit_breaker.py",
    "cold start": "image_api/dispatch/cold_start.py",
    "SSRF": "image_api/outbound/public_hosts.py",
    "DNS rebinding": "image_api/allowed_hosts.py",
    "slowloris": "image_api/gunicorn_worker.py",
    "content negotiation": "image_api/web/content_negotiation.py",
    "graceful shutdown": "image_api/gunicorn_worker.py",
    "backpressure": "render_worker/generation/admission.py",
    "replay": "image_api/generation/replay.py",
}
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
DIALECT = r"\bNone where\b|\bwhere (?:it|they|nothing|none|no)\b|\b(?:no|some|any|every)body\b"
PEOPLE = r"\b(?:who|whoever|whom)\b"
OUTCOMES = r"\b(?:returns?|raises?)\b"
CONDITIONS = r"\b(?:if|when)\b"


def prose(paths: list[Path], *, comments: bool = True) -> str:
    """Return all docstrings, those below attributes too, and comments of some sources."""
    return "\n".join(text for path in paths for text in _prose(path.read_text(), comments))


def _prose(source: str, comments: bool) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        for item in getattr(node, "body", None) if isinstance(getattr(node, "body", None), list) else ():
            if (
                isinstance(item, ast.Expr)
                and isinstance(item.value, ast.Constant)
                and isinstance(item.value.value, str)
            ):
                yield item.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline) if comments else ():
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type:)", token.string):
            yield token.string.lstrip("# ")


def per_thousand(pattern: str, text: str) -> float:
    """Return how often a pattern occurs per 1,000 words."""
    return 1000 * len(re.findall(pattern, text, re.IGNORECASE)) / len(WORD.findall(text))


@pytest.mark.parametrize(("term", "place"), TERMS.items())
def test_a_stranger_finds_the_field_s_term_by_grep(term, place):
    assert re.search(re.escape(term), (ROOT / place).read_text(), re.IGNORECASE)


def glossary() -> list[str]:
    """Return the rows of ARCHITECTURE's glossary, without the table's head."""
    section = (ROOT / "ARCHITECTURE.md").read_text().split("## Glossary\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def terms_of(row: str) -> list[re.Pattern[str]]:
    """Return a pattern for each term of a row; of "slow-client (slowloris) protection" one form is enough."""
    names = row.split("|")[1].strip().split(", ")
    forms = [(re.sub(r" \(.*?\)", "", name), *re.findall(r"\((.*?)\)", name)) for name in names]
    return [re.compile("|".join(r"\s+".join(map(re.escape, form.split())) for form in of), re.I) for of in forms]


@pytest.mark.parametrize(("term", "place"), TERMS.items())
def test_the_glossary_leads_from_the_term_to_its_module(term, place):
    rows = [row for row in glossary() if term.lower() in row.lower()]
    assert any(place in row for row in rows), f"no row of the glossary has {term} and {place}"


@pytest.mark.parametrize("row", glossary(), ids=lambda row: row.split("|")[1].strip())
def test_every_module_in_the_glossary_exists_and_speaks_of_its_row_s_terms(row):
    texts = {path: (ROOT / path).read_text() for path in re.findall(r"`([^`]+)`", row.split("|")[2])}
    assert texts
    terms = terms_of(row)
    assert [path for path, text in texts.items() if not any(term.search(text) for term in terms)] == []
    assert [term.pattern for term in terms if not any(map(term.search, texts.values()))] == []


@pytest.mark.parametrize("comments", [True, False], ids=["with comments", "docstrings alone"])
@pytest.mark.parametrize("paths", [SOURCES, WITHOUT_PAINTER], ids=["all", "without the painter"])
def test_docstrings_and_comments_are_plain(paths, comments):
    text = prose(paths, comments=comments)
    assert per_thousand(DIALECT, text) < 0.5
    assert per_thousand(PEOPLE, text) < 1
    assert per_thousand(OUTCOMES, text) > 2.5
    assert per_thousand(CONDITIONS, text) > 5
