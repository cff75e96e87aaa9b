"""Hugging Face's own client, huggingface_hub, with this worker's HTTP under it.

It is imported on first use, and called in threads. What it knows of the providers is used: whom to ask where, in
which words, and how to read the reply. How it would ask is not: it blocks, has no limits, follows redirects to
anywhere and takes proxies and tokens from wherever it finds some. So its transport hands each request to the exchange
of the picture at hand, by the way that it documents for special networks, `set_client_factory`.
"""

from collections.abc import Sequence
from typing import Any

import httpx2
from huggingface_hub import HfApi, InferenceClient, constants, set_client_factory
from PIL import Image, UnidentifiedImageError

from render_worker.engines.huggingface.exchanges import CLIENT_HUB, Asked, current
from render_worker.errors import BadPicture, EngineNotConfigured, UnexpectedReply

TASK = "text-to-image"
# What replies of another shape than the client expects make it raise, and addresses in them that are none.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, httpx2.HTTPError, httpx2.InvalidURL)

# The client reads these from the environment alone. Telemetry would ask the Hub for more and write into the home
# folder; the implicit token is whatever one lies on this machine; where the Hub is, our own settings say.
constants.HF_HUB_DISABLE_TELEMETRY = True
constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
constants.ENDPOINT = CLIENT_HUB


class _Transport(httpx2.BaseTransport):
    """Gives a request to the exchanges of the picture that this thread works for; only good replies come back."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = Asked(request.method, str(request.url), dict(request.headers), request.read())
        return httpx2.Response(httpx2.codes.OK, content=current.get().carried(asked), request=request)


def _client() -> httpx2.Client:
    return httpx2.Client(transport=_Transport(), trust_env=False, follow_redirects=False)


set_client_factory(_client)


def provider_of(model: str, wanted: Sequence[str]) -> str:
    """The first of the wanted providers that serves the model; the Hub tells them in the account's order."""
    try:
        info = HfApi(token=False).model_info(model, expand=["inferenceProviderMapping"])
        served = [entry for entry in info.inference_provider_mapping or [] if entry.task == TASK]
        # A provider that was named is asked even where its last check failed.
        by = [entry.provider for entry in served if entry.status == "live" or len(wanted) == 1]
    except UNREADABLE as error:
        raise UnexpectedReply("Hugging Face's list of the model's providers cannot be read.") from error
    for provider in by:
        if provider in wanted:
            return provider
    raise EngineNotConfigured(f"None of {', '.join(wanted)} serves the model {model} at Hugging Face.")


def picture(model: str, provider: str, token: str, words: dict[str, Any]) -> bytes:
    """The picture's bytes, as they came; `model` is a name, or the address that serves one."""
    client = InferenceClient(provider=provider, token=token)  # type: ignore[arg-type] # one of its names, as a text
    try:
        image = client.text_to_image(model=model, **words)
        file = getattr(image, "fp", None)  # Pillow has looked at the first bytes and decodes the rest when asked
        if file is None:
            raise UnexpectedReply("Hugging Face's client gave no picture.")
        file.seek(0)
        data: bytes = file.read()
    except Image.DecompressionBombError:
        raise BadPicture("too_large", "The picture claims far more pixels than any that is made here.") from None
    except UnidentifiedImageError:
        raise BadPicture("unreadable", "Hugging Face's answer is no picture.") from None
    except UNREADABLE as error:
        raise UnexpectedReply("Hugging Face's answer is not what its client expects.") from error
    return data
