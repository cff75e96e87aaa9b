"""Which of the packages are installed that only some engines and storages need."""

import importlib.util


def missing(module: str, who: str, extra: str) -> str | None:
    """What to do where `who` has not its library, as a sentence; None where it is there. It is not imported."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # the package that it is in
        found = None
    if found is not None:
        return None
    return (
        f"The {who} needs packages that are not installed: put render_worker/requirements-{extra}.txt into the "
        "worker's Python (make run does it by itself) and start it again."
    )
