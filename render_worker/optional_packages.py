"""Optional packages, which only some engines and storages need."""

import importlib.util


def missing_package(module: str, dependent: str, extra: str) -> str | None:
    """Return what to install, as a sentence, if the package of `module` is missing; None if it is installed.

    `dependent` is the engine or storage that needs it, `extra` the ending of its requirements file. Nothing is
    imported.
    """
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # the package that it is in
        found = None
    if found is not None:
        return None
    return (
        f"The {dependent} needs packages that are not installed: put render_worker/requirements-{extra}.txt into the "
        f"worker's Python (make run does it by itself) and start it again; an image needs EXTRAS={extra} when it is "
        "built."
    )
