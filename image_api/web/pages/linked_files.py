"""The app's scripts as one file, and its styles: fifty modules one by one are twice as many bytes, a round trip each.

They are linked when they are first asked for, so there is no build step, and the modules are served as they are too. A
module becomes a function's body between its imports and what it exports; comments and indents go.
"""

import re
from collections.abc import Callable

SCRIPTS = {"app.js": "main.js"}
STYLES = {"app.css": ("form.css", "making.css", "pictures.css")}
LINKED = frozenset((*SCRIPTS, *STYLES))
IMPORT = re.compile(r'^import \{([^}]+)\} from "\./(\w+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?function|const|class) (\w+)", re.MULTILINE)
OTHER = re.compile(r"^(?:import\b|export\b).*", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
SPACE = re.compile(r"^ +| +// [^\"'`\n]*$", re.MULTILINE)  # and what follows a line's code; no text has several lines

Read = Callable[[str], str]


def linked(name: str, read: Read) -> str:
    """Return one of LINKED; `read` returns a file's text."""
    return linked_script(SCRIPTS[name], read) if name in SCRIPTS else "".join(map(read, STYLES[name]))


def linked_script(entry: str, read: Read) -> str:
    """Return a module with all that it imports, each once and after what it imports.

    Raises ValueError for a module that imports itself by way of others, or has another form of import or export.
    """
    done: dict[str, str] = {}
    _link(entry, read, done, ())
    return "".join(done.values())


def _link(name: str, read: Read, done: dict[str, str], within: tuple[str, ...]) -> None:
    """Add a module to what is done, after those that it imports."""
    if name in within:
        raise ValueError(f"{name} imports itself by way of {within[-1]}.")
    if name in done:
        return
    source = SPACE.sub("", COMMENT.sub("", read(name)))
    for _, needed in IMPORT.findall(source):
        _link(needed, read, done, (*within, name))
    done[name] = _as_function(name, source)


def _as_function(name: str, source: str) -> str:
    exported = ", ".join(each for _, each in EXPORT.findall(source))
    body = EXPORT.sub(r"\1 \2", IMPORT.sub(_as_constants, source))
    if other := OTHER.search(body):
        raise ValueError(f"{name} cannot be linked: {other[0]}")
    return f"const {_variable(name)} = (() => {{\n{body.strip()}\nreturn {{ {exported} }};\n}})();\n"


def _as_constants(found: re.Match[str]) -> str:
    names = " ".join(found[1].replace(" as ", ": ").split())
    return f"const {{ {names} }} = {_variable(found[2])};\n"


def _variable(name: str) -> str:
    return "$" + name.removesuffix(".js")
