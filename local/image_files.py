"""Files of a built image, read by docker, podman or buildah, whichever has the image."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def file_in_image(image: str, path: str, options: Sequence[str] = ()) -> str:
    """Return the text of a file in an image. `options` are buildah's global ones. Exits if nothing here has it."""
    for engine in ("docker", "podman"):
        text = output_of(engine, "run", "--rm", "--pull=never", "--entrypoint=cat", image, path)
        if text is not None:
            return text
    container = output_of("buildah", *options, "from", "--pull-never", f"localhost/{image}")
    if container is None:
        sys.exit(f"None of docker, podman and buildah has the image {image} here: make image builds it.")
    try:
        folder = output_of("buildah", *options, "mount", container.strip())
        if folder is None:
            sys.exit(f"buildah could not mount {image}: as another user than root run it within buildah unshare.")
        return (Path(folder.strip()) / path.lstrip("/")).read_text()
    finally:
        output_of("buildah", *options, "rm", container.strip())


def output_of(*command: str) -> str | None:
    """Return a command's output; None if it fails, or if there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - engines of containers
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
