"""Every curl command of the documents can be pasted into a shell as it stands."""

import re
import shlex
import subprocess
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from image_api.web.schemas.documentation import Documentation
from tests.repo.test_links import ROOT, documents

CURL = re.compile(r"curl -[^`\n]*|curl '[^`\n]*")
ADDRESSED = re.compile(r"https?://|localhost|\$API")  # an example of options alone is no command
REQUEST = re.compile(r"\bGET (?:https?://\S+?)?/[a-z./]*\?[^`\n]*")  # as in GET /generate?prompt=a%20red%20boat
CONTINUED = re.compile(r" \\\n\s*")
PLACEHOLDER = re.compile(r"\$\{?[A-Z_]+\}?")
WITH_A_VALUE = ("-F", "-H", "-X", "-d", "-o", "-m", "-w", "--json", "--max-time", "--data", "--header")
URL = re.compile(r"https?://[\w.\-:\[\]]+(?:/[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?")


def commands() -> list[tuple[str, str]]:
    """Return every curl command of the documents, of GET / and of what a local run prints, each with its source."""
    texts = {str(path.relative_to(ROOT)): CONTINUED.sub(" ", path.read_text()) for path in documents()}
    texts["GET /"] = "\n".join(Documentation.at("http://localhost:8000", "/api/v1").examples.values())
    return [
        (name, found.strip()) for name, text in texts.items() for found in CURL.findall(text) if ADDRESSED.search(found)
    ]


def addresses(command: str) -> list[str]:
    """Return a command's URLs; raises ValueError if a shell would not read it as one command."""
    words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    if "&" in words:
        raise ValueError(f"an & outside quotes ends the command: {command}")
    end = next((number for number, word in enumerate(words) if set(word) <= set("|;#<>&")), len(words))
    plain = shlex.split(command, comments=True)[:end]
    values = {
        number + 1 for number, word in enumerate(plain) if word in WITH_A_VALUE or re.fullmatch("-[a-zA-Z]*o", word)
    }
    return [word for number, word in enumerate(plain[1:], 1) if number not in values and not word.startswith("-")]


def test_there_are_some():
    assert {"README.md", "DEPLOYMENT_GUIDE.md", "GET /"} <= {name for name, _ in commands()}


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda it: it[:80])
def test_a_command_is_one_for_bash_and_its_url_needs_no_change(name, command):
    subprocess.run(["bash", "-n", "-c", command], check=True)
    found = addresses(command)
    assert found
    for address in found:
        filled = PLACEHOLDER.sub("http://localhost:8000" if address.startswith("$") else "x", address)
        whole = filled if "://" in filled else f"http://{filled}"
        assert URL.fullmatch(whole), address
        assert not re.search(r"%(?![0-9A-Fa-f]{2})", whole), address
        assert urlsplit(whole).hostname


def writes_a_file(command: str) -> bool:
    """Return whether a curl command writes the response into a file that is kept."""
    words = shlex.split(command, comments=True)
    return any(re.fullmatch("-[a-zA-Z]*o", word) and value != "/dev/null" for word, value in pairwise(words))


def test_a_command_that_writes_a_file_fails_if_it_is_an_error():
    found = [command for _, command in commands() if writes_a_file(command)]
    assert found
    assert [command for command in found if "--fail-with-body" not in command] == []


def test_a_request_line_s_query_is_percent_encoded():
    sources = [*documents(), ROOT / "image_api" / "__init__.py"]
    found = {line for path in sources for line in REQUEST.findall(path.read_text())}
    assert found
    assert [line for line in found if re.search(r"=[^ ]* \w", line)] == []


@pytest.mark.parametrize(
    "command",
    [
        "curl -s 'http://localhost:8000/generate?prompt=a red boat'",
        "curl -s http://localhost:8000/generate?prompt=a&seed=7",
    ],
)
def test_what_curl_or_the_shell_would_refuse_is_noticed(command):
    with pytest.raises((ValueError, AssertionError)):
        test_a_command_is_one_for_bash_and_its_url_needs_no_change("", command)
