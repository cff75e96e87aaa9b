"""Compile every requirements*.in into the .txt beside it: `make lock`, and with UPGRADE=1 to the newest releases.

All are compiled by constraints.txt, which is resolved from all of them together, so that a package has one version
everywhere; but for the tests' clients, which live in a virtual environment of their own. uv resolves once for every
Python from 3.11 on and for every system; pip-tools does it only for the one that it runs on.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = "constraints.txt"
CLIENTS = Path("tests", "clients", "requirements.in")
OLDEST_PYTHON = "3.11"
COMMAND = "#    make lock\n"
INCLUDED = re.compile(r"^-r (\S+)$", re.MULTILINE)
CHOSEN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)$", re.MULTILINE)


def inputs(root: Path = ROOT) -> list[Path]:
    """Return every file that names what is chosen."""
    return sorted(path for folder in (root, root / "render_worker") for path in folder.glob("requirements*.in"))


def header(path: Path) -> str:
    """Return the lines by which an edit of an input, or of one that it includes, is noticed: the digest of each."""
    names = [path.name, *INCLUDED.findall(path.read_text())]
    digests = {name: hashlib.sha256((path.parent / name).read_bytes()).hexdigest() for name in names}
    return "# of\n" + "".join(f"#    {name} sha256:{digest}\n" for name, digest in digests.items())


def choosing(message: str, root: Path = ROOT) -> Iterator[str]:
    """Yield which input chooses each version that a message of uv's names, which itself names no file."""
    for path in inputs(root):
        for name, version in CHOSEN.findall(path.read_text()):
            if re.search(rf"(?<![\w-]){name}(\[[a-z,-]+\])?=={re.escape(version)}(?!\.?\w)", message):
                yield f"{path.relative_to(root)}: {name}=={version}"


def main(*options: str) -> None:
    """Compile all; `options` are uv's for the steps that choose versions."""
    names = [str(path.relative_to(ROOT)) for path in inputs()]
    _compile(*names, "--output-file", CONSTRAINTS, "--no-annotate", *options)
    for name in names:
        _lock(Path(name), "--constraint", CONSTRAINTS)
    _lock(CLIENTS, *options)


def _lock(name: Path, *options: str) -> None:
    """Compile one input into the hashed file beside it."""
    output = name.with_suffix(".txt")
    _compile(str(name), "--output-file", str(output), "--generate-hashes", *options)
    compiled = (ROOT / output).read_text()
    (ROOT / output).write_text(compiled.replace(COMMAND, COMMAND + header(ROOT / name), 1))


def _compile(*arguments: str) -> None:
    """Run uv, which keeps what an output has already if it can. Raises SystemExit with its message if it fails."""
    done = subprocess.run(  # noqa: S603 - the package of this Python
        [
            sys.executable,
            *("-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON),
            *("--fork-strategy", "fewest"),  # one version for all Pythons, where some could have a newer one
            *("--python", sys.executable, "--custom-compile-command", "make lock"),
            *arguments,
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stderr)
    if done.returncode:
        sys.exit("\n".join(("It failed; these files choose the versions above:", *choosing(done.stderr))))


if __name__ == "__main__":
    main(*sys.argv[1:])
