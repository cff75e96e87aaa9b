"""The table of error codes in API_REFERENCE.md: of the classes of both tiers, and of what the server itself refuses."""

import inspect
import tomllib
from collections.abc import Iterator
from importlib.resources import files

from image_api import errors as api_errors
from image_api.auth import errors as auth_errors
from image_api.errors import ApiError
from image_api.jobs import errors as job_errors
from image_api.limits import errors as limit_errors
from image_api.web import websocket_errors
from render_worker import errors as worker_errors
from render_worker.budgets import errors as budget_errors
from render_worker.engines.diffusers import errors as diffusers_errors
from render_worker.errors import WorkerError
from render_worker.generation import errors as generation_errors
from render_worker.serving.http_errors import HTTP_CODES
from render_worker.storages import errors as storage_errors

OWN = tomllib.loads(files(__package__).joinpath("error_codes.toml").read_text(encoding="utf-8"))
HAPPENED, TO_DO = OWN["what_happened"], OWN["what_to_do"]
INSIDE = ("superseded", "storage_resting", "over_budget")
"""Codes that no client gets as an error."""
WORKERS = (worker_errors, generation_errors, budget_errors, diffusers_errors, storage_errors)
OWN_STATUSES = {
    "invalid_http": (400, 403, 417, 501),
    "too_large": (413, 414, 431),
    "internal_error": (500,),
    "picture_…": (502,),
}


def table() -> str:
    """Return the table."""
    found: dict[str, tuple[set[int], list[str], list[str]]] = {}
    for code, status, what, hint in (*_of_classes(), *_of_server()):
        statuses, causes, hints = found.setdefault(code, (set(), [], []))
        statuses.add(status)
        causes[:] = [HAPPENED[code]] if code in HAPPENED else [*causes, what]
        hints[:] = [TO_DO[code]] if code in TO_DO else [*hints, *({hint} - {"", *hints})]
    rows = [
        f"| `{code}` | {', '.join(map(str, sorted(statuses)))} | {'; '.join(causes)} | {' '.join(hints)} |"
        for code, (statuses, causes, hints) in found.items()
    ]
    return "\n".join(("| code | status | what happened | what to do |", "|---|---|---|---|", *rows))


def _of_classes() -> Iterator[tuple[str, int, str, str]]:
    """Yield the code, the status, the cause and the hint of each class with a code of its own."""
    for module, base in (
        *((it, ApiError) for it in (api_errors, auth_errors, job_errors, limit_errors, websocket_errors)),
        *((it, WorkerError) for it in WORKERS),
    ):
        for cls in vars(module).values():
            if inspect.isclass(cls) and issubclass(cls, base) and cls.__module__ == module.__name__:
                code = "not_found" if cls is api_errors.PictureGone else vars(cls).get("code", "")
                if code and code not in ("internal_error", *INSIDE):
                    yield code, int(getattr(cls, "status", 0)), _cause(cls), _advice(cls)


def _cause(cls: type) -> str:
    first = (inspect.getdoc(cls) or "").partition("\n")[0]
    return first.removeprefix("Raised ").removeprefix("if ").removesuffix(".")


def _advice(cls: type) -> str:
    hint = getattr(cls, "hint", None)
    retry = "Retry after `retry_after`." if getattr(cls, "retry_after", None) else ""
    return " ".join(filter(None, (hint if isinstance(hint, str) else "", retry)))


def _of_server() -> Iterator[tuple[str, int, str, str]]:
    """Yield the same of the errors without a class."""
    for status, code in HTTP_CODES.items():
        yield code, status, "", ""
    for code, statuses in OWN_STATUSES.items():
        for status in statuses:
            yield code, status, "", ""
