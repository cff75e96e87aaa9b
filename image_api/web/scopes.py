"""Access control: the scope that each address needs, checked before its view is called.

An address needs one unless OPEN_FAMILIES or OPEN_VIEWS has its view: a new one is closed until it is added there.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial

from flask import Flask

from image_api.auth.account import ADMIN, GENERATE, JOBS
from image_api.errors import ApiError
from image_api.services import services, services_of
from image_api.web.access import require_admin, require_scope
from image_api.web.current import current_request
from image_api.web.pages.window_page import shows_window
from image_api.web.sent_credentials import sends_credential, sent_key

OPEN_FAMILIES = frozenset({"api_pages", "crawlers", "icons", "images", "openapi", "pages", "picture_pages"}) | {
    *("health", "job_health", "static_files", "status")
}
"""The modules of routes whose views need no credential."""
OPEN_VIEWS = frozenset({"generate.models", "styled.health", "styled.styles"})
CHECKED_VIEWS = frozenset({"openai.models", "openai.model"})
"""Those that need none, but refuse a wrong one: clients of OpenAI's find out by them whether their key is right."""
ADMIN_VIEWS = frozenset({"weights.load_model", "weights.load_lora", "weights.unload_lora", "deletion.delete_image"})
"""Those that are the operator's, also with AUTH=none: each calls `require_admin`."""
DISCLOSING = frozenset({"generate.models", "health.ready", "job_health.health"})
"""Open views that show more to an admin."""
JOB_FAMILIES = frozenset({"jobs", "job_events", "deliveries"})
SUBMISSION = "jobs.submit"


def register(app: Flask) -> None:
    """Require a credential with the scope that each address needs; with AUTH=none only of a valid API key."""
    app.before_request(_authorize if services_of(app).authenticator else _authorize_holder)


@cache
def needs_credential(endpoint: str) -> bool:
    """Return whether the view of an endpoint needs a credential, unless AUTH=none."""
    return endpoint not in CHECKED_VIEWS and checks_credential(endpoint)


@cache
def checks_credential(endpoint: str) -> bool:
    """Return whether the view of an endpoint refuses a wrong credential, unless AUTH=none."""
    return endpoint not in OPEN_VIEWS and endpoint.rpartition(".")[0] not in OPEN_FAMILIES


def _authorize_holder() -> None:
    """Authorize a request with AUTH=none, if it has a credential: others cost nothing here."""
    if sends_credential():
        _authorize()


def _authorize() -> None:
    """Raise as `require_scope` unless the request has the scopes that its address needs."""
    its = current_request()
    endpoint = its.endpoint
    if endpoint is None or its.method == "OPTIONS":  # a preflight carries no credential
        return
    if _is_open(endpoint):
        _identify_admin(endpoint)
        return
    _check_of(endpoint)()


@cache
def _check_of(endpoint: str) -> Callable[[], None]:
    """Return what raises unless the request may be served by the view of an endpoint that needs a credential."""
    if endpoint in ADMIN_VIEWS:
        return require_admin
    if endpoint == SUBMISSION:
        return _require_scopes_of_submission
    if endpoint.rpartition(".")[0] in JOB_FAMILIES:
        return partial(require_scope, JOBS, ADMIN)
    return partial(require_scope, GENERATE)


def _require_scopes_of_submission() -> None:
    require_scope(JOBS)
    require_scope(GENERATE)


def _is_open(endpoint: str) -> bool:
    if not needs_credential(endpoint):
        return not (checks_credential(endpoint) and sends_credential())
    return endpoint == "generate.by_query" and shows_window()  # its script sends the credential


def _identify_admin(endpoint: str) -> None:
    """Find out whether an admin asks for what shows more to one; any other credential is as none."""
    if endpoint in DISCLOSING and sends_credential():
        with suppress(ApiError):
            if services().settings.admin_accounts or sent_key():
                require_scope(ADMIN)
