"""`python -m local.image_layers`: print what each layer of both tiers' images adds, in megabytes.

docker, podman or buildah is asked, whichever has the image.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.image_files import output_of

IMAGES = ("render-worker", "image-api")
MB = 1_000_000
MIN_MB = 0.05
FORMAT = "{{.Size}}\t{{.CreatedBy}}"
COMMAND_CHARACTERS = 76
SHELL = ("/bin/sh -c #(nop) ", "/bin/sh -c ", "RUN /bin/sh -c ")

Layer = tuple[int, str]
"""Its bytes, and the command that made it."""


def layers(image: str, options: Sequence[str] = ()) -> list[Layer]:
    """Return the layers of an image, the base's first. `options` are buildah's. Raises SystemExit if nothing has it."""
    for engine in ("docker", "podman"):
        history = output_of(engine, "history", "--no-trunc", "--human=false", f"--format={FORMAT}", image)
        if history is not None:
            return of_history(history)
    inspected = output_of("buildah", *options, "inspect", "--type=image", f"localhost/{image}")
    if inspected is None:
        sys.exit(f"None of docker, podman and buildah has the image {image} here: make image builds it.")
    return of_storage(json.loads(inspected)["OCIv1"], _stored(options))


def of_history(text: str) -> list[Layer]:
    """Return the layers that `docker history` lists, which begins with the newest."""
    rows = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return [(int(size), command) for size, command in rows][::-1]


def of_storage(image: dict[str, Any], stored: list[dict[str, Any]]) -> list[Layer]:
    """Return an image's layers by its configuration; their sizes are those of the layers that the storage has."""
    sizes = {it["diff-digest"]: it.get("diff-size", 0) for it in stored if "diff-digest" in it}
    made = [it.get("created_by", "") for it in image["history"] if not it.get("empty_layer")]
    return [(sizes[digest], command) for digest, command in zip(image["rootfs"]["diff_ids"], made, strict=True)]


def table(image: str, found: list[Layer]) -> str:
    """Return an image's size and, below it, a line for each layer that is not empty."""
    rows = [(size / MB, _short(command)) for size, command in found]
    lines = [f"{mb:9.1f}  {command}" for mb, command in rows if mb >= MIN_MB]
    return "\n".join((f"{image}: {sum(mb for mb, _ in rows):.0f} MB", *lines, ""))


def _short(command: str) -> str:
    """Return the beginning of a layer's command, without its shell."""
    for shell in SHELL:
        command = command.removeprefix(shell)
    return " ".join(command.split())[:COMMAND_CHARACTERS]


def _stored(options: Sequence[str]) -> list[dict[str, Any]]:
    """Return buildah's records of the layers in its storage."""
    told = output_of("buildah", *options, "info")
    store = json.loads(told or "{}").get("store", {})
    path = Path(store["GraphRoot"]) / f"{store['GraphDriverName']}-layers" / "layers.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


def main() -> None:
    """Print the layers of both tiers' images."""
    parser = argparse.ArgumentParser(prog="python -m local.image_layers", description=__doc__.partition("\n")[0])
    parser.add_argument("buildah", nargs="*", metavar="OPTION", help="global options of buildah, behind --")
    options: list[str] = parser.parse_args().buildah
    for image in IMAGES:
        sys.stdout.write(table(image, layers(image, options)))


if __name__ == "__main__":
    main()
