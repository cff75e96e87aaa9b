"""The errors that Perchance's replies mean.

The site documents none of them; they were gathered from public clients and captures of 2024 to 2026. Each reply has
one meaning here, and an unknown one is said to be unknown.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard, TypeVar
from urllib.parse import urljoin, urlsplit

from render_worker.engines.perchance.errors import (
    AccessCodeRequired,
    ClientOutdated,
    GenerationFailed,
    PerchanceChanged,
    RateLimited,
    RequestRefused,
    SiteBusy,
    StaleRequest,
    VerificationRequired,
)
from render_worker.errors import EngineError, ServiceBlocked
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import json_object

TOO_MANY_REQUESTS = 429
MAX_RETRY_AFTER_SECONDS = 86_400
T = TypeVar("T", int, float)
USER_KEY = re.compile(r"[0-9A-Za-z_-]{8,256}")  # 64 hexadecimal digits in every capture
MAX_NUMBER = 2**63  # JSON has larger ones, which are no float
PREVIOUS_ENDED, PREVIOUS_RUNNING = "success", "pending"
LINK = re.compile(r"[!-\[\]-~]{1,4096}")  # an address in printable ASCII; a browser reads \ as a slash


@dataclass(frozen=True)
class Announced:
    """A picture that the site has made, and the ways to it."""

    seed: int | None
    guidance_scale: float | None
    nsfw: bool | None
    image_id: str
    """Empty if there is none; else the picture can be fetched by it for a while."""
    link: str | None
    """A single-use address on the site itself, valid for minutes and for this machine's address."""
    data_urls: tuple[str, ...]
    """The picture itself, if the reply holds it."""


class PreviousUnfinished(EngineError):
    """Raised if the site still makes another picture: a key has one at a time, so retry in a few seconds."""


class KeyRefused(EngineError):
    """Raised if the key expired or belongs to another address: get a new one."""


ERRORS_BY_STATUS_WORD: dict[str, Callable[[], EngineError]] = {
    "waiting_for_prev_request_to_finish": lambda: PreviousUnfinished("Perchance still makes another picture."),
    "queued": lambda: PreviousUnfinished("Perchance has put the picture into its queue."),
    "invalid_key": lambda: KeyRefused("Perchance refused the key."),
    "failed_verification": VerificationRequired,
    "verification_required": VerificationRequired,
    "too_many_requests": RateLimited,
    "gen_failure": lambda: GenerationFailed("Perchance tried and could not make the picture."),
    "stale_request": lambda: StaleRequest("Perchance took the request for an old one."),
    "invalid_data": lambda: RequestRefused("Perchance did not accept the request's data."),
    "network_busy": lambda: SiteBusy("Perchance's network is busy."),
    "fetch_failure": lambda: SiteBusy("Perchance could not reach its own machines."),
    "client_update_required": ClientOutdated,
    "invalid_ad_access_code": AccessCodeRequired,
    "invalid_access_code": AccessCodeRequired,
}


def error_of_refusal(reply: Mapping[str, object], endpoint: str, status: int = 200) -> EngineError:
    """Return the error that a JSON reply without a result means, by its status word or its HTTP status."""
    word = _identifier(reply.get("status", ""))
    if word in ERRORS_BY_STATUS_WORD:
        return ERRORS_BY_STATUS_WORD[word]()
    if status == TOO_MANY_REQUESTS:
        return RateLimited()
    return PerchanceChanged(f"Perchance answered {endpoint} with an unknown status: {word or 'none'}.")


def read_user_key(status: int, headers: Mapping[str, str], body: str) -> str:
    """Return the key in a reply of `verifyUser`. Raises the error that any other reply means."""
    reply = json_object(body)
    if reply is None:
        raise error_of_page(status, headers, body)
    key = reply.get("userKey")
    if isinstance(key, str) and USER_KEY.fullmatch(key):
        return key
    raise error_of_refusal(reply, "verifyUser", status)


def read_generated(status: int, headers: Mapping[str, str], body: str, base_url: str) -> Announced:
    """Return the picture that a reply of `generate` announces. Raises the error that any other reply means."""
    reply = json_object(body)
    if reply is None:
        raise error_of_page(status, headers, body)
    data_urls = reply.get("imageDataUrls")
    found = Announced(
        seed=_number_in(reply, "seed", int),
        guidance_scale=_number_in(reply, "guidanceScale", float),
        nsfw=nsfw if isinstance(nsfw := reply.get("maybeNsfw"), bool) else None,
        image_id=image_id if isinstance(image_id := reply.get("imageId"), str) else "",
        link=_link(reply.get("imageDownloadUrl"), base_url),
        data_urls=tuple(url for url in data_urls if isinstance(url, str)) if isinstance(data_urls, list) else (),
    )
    refused = _identifier(reply.get("status", "")) in ERRORS_BY_STATUS_WORD
    if refused or not (found.image_id or found.link or found.data_urls):
        raise error_of_refusal(reply, "generate", status)
    return found


def is_previous_running(status: int, headers: Mapping[str, str], body: str) -> bool | None:
    """Return whether a reply of `awaitExistingGenerationRequest` says so; None if it says something else.

    Raises the error of a human check, a rate limit or a refused key.
    """
    reply = json_object(body)
    if reply is None:
        error = error_of_page(status, headers, body)
    elif reply.get("status") in (PREVIOUS_ENDED, PREVIOUS_RUNNING):
        return reply["status"] == PREVIOUS_RUNNING
    else:
        error = error_of_refusal(reply, "awaitExistingGenerationRequest", status)
    if isinstance(error, ServiceBlocked | KeyRefused):
        raise error
    return None


def read_posted(result: object) -> dict[str, object]:
    """Return the result that the site's page posted. Raises the error that it means if it announces no picture."""
    if not isinstance(result, dict):
        raise PerchanceChanged("Perchance's page posted a result that is no object.")
    if result.get("ok") is True and isinstance(result.get("url"), str):
        return result
    match result.get("code"):
        case 429:
            wait = result.get("retryAfter")
            raise RateLimited(int(wait) if is_number(wait) and 0 < wait < MAX_RETRY_AFTER_SECONDS else None)
        case 400:
            raise RequestRefused(f"Perchance did not accept the request: {_quoted(result.get('error'))}.")
        case 500:
            raise GenerationFailed(f"Perchance could not make the picture: {_quoted(result.get('error'))}.")
    raise PerchanceChanged(
        f"Perchance's page posted a refusal with an unknown code: {_identifier(result.get('code'))}."
    )


def error_of_page(status: int, headers: Mapping[str, str], body: str) -> EngineError:
    """Return the error of a page in place of the expected reply: a human check, a rate limit or something new."""
    if headers.get("cf-mitigated") == "challenge" or "Just a moment..." in body or "_cf_chl_opt" in body:
        return VerificationRequired()
    if status == TOO_MANY_REQUESTS:
        return RateLimited()
    if not status:
        return PerchanceChanged("Perchance redirected a request to another address, which is not followed.")
    kind = re.sub(r"[^0-9A-Za-z/+.-]", "?", headers.get("content-type", "").split(";")[0])[:60] or "no content type"
    return PerchanceChanged(f"Perchance answered HTTP {status} with {kind}, which was not expected there.")


def is_number(found: object) -> TypeGuard[int | float]:
    """Return whether it is a number, and neither NaN nor infinite."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    return abs(found) < MAX_NUMBER if isinstance(found, int) else math.isfinite(found)


def _number_in(reply: Mapping[str, object], name: str, kind: type[T]) -> T | None:
    """Return a number of a reply; None if it is left out. Raises PerchanceChanged if it is no such number."""
    found = reply.get(name)
    if found is None:
        return None
    if not is_number(found) or kind(found) != found:
        raise PerchanceChanged("Perchance announced a picture whose seed or guidance is no number.")
    return kind(found)


def _link(found: object, base_url: str) -> str | None:
    """Return the address that a link leads to; None if it is none, or leads to another host than the API's."""
    if not isinstance(found, str) or not LINK.fullmatch(found):
        return None
    try:
        url, base = urlsplit(urljoin(base_url, found)), urlsplit(base_url)
    except ValueError:
        return None
    return url.geturl() if (url.scheme, url.netloc) == (base.scheme, base.netloc) else None


def _identifier(word: object) -> str:
    return re.sub(r"[^0-9A-Za-z_-]", "?", str(word))[:60]


def _quoted(sentence: object) -> str:
    """Return the site's own words so that they can be quoted in a sentence."""
    text = repeatable(str(sentence or ""))
    return f'"{text}"' if text else "it gave no reason"
