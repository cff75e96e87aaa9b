"""Hugging Face's own client, huggingface_hub, over this worker's HTTP.

It is imported on first use, and called in threads. Its knowledge of the providers is used: their addresses, parameters
and replies. Its HTTP is not: it blocks, has no limits, follows redirects to anywhere and takes proxies and tokens from
wherever it finds some. So its transport hands each request to the exchanges of the current picture, by the way that it
documents for special networks, `set_client_factory`.
"""

from collections.abc import Sequence
from typing import Any

import httpx2
from huggingface_hub import HfApi, InferenceClient, constants, set_client_factory
from PIL import Image, UnidentifiedImageError

from render_worker.engines.huggingface.exchanges import CLIENT_HUB, ClientRequest, current
from render_worker.errors import BadPicture, EngineNotConfigured, UnexpectedReply
from render_worker.outbound.replies import UNREADABLE

TASK = "text-to-image"
SDK_ERRORS = (*UNREADABLE, httpx2.HTTPError, httpx2.InvalidURL)  # the last two for bad addresses in replies

# The client reads these from the environment alone. Telemetry would ask the Hub for more and write into the home
# folder; the implicit token is any that lies on this machine; our own settings have the Hub's address.
constants.HF_HUB_DISABLE_TELEMETRY = True
constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
constants.ENDPOINT = CLIENT_HUB


class _Transport(httpx2.BaseTransport):
    """Passes a request to the exchanges of this thread's picture; only successful replies come back."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        client_request = ClientRequest(request.method, str(request.url), dict(request.headers), request.read())
        return httpx2.Response(httpx2.codes.OK, content=current.get().body_of(client_request), request=request)


def _http_client() -> httpx2.Client:
    return httpx2.Client(transport=_Transport(), trust_env=False, follow_redirects=False)


set_client_factory(_http_client)


def providers_of(model: str, choice: Sequence[str]) -> tuple[str, ...]:
    """Return the providers of the choice that serve the model, in the account's order by the Hub.

    Raises EngineNotConfigured if there is none.
    """
    try:
        info = HfApi(token=False).model_info(model, expand=["inferenceProviderMapping"])
        served = [entry for entry in info.inference_provider_mapping or [] if entry.task == TASK]
        # A provider that is configured by name is asked even if its last check failed.
        providers = [entry.provider for entry in served if entry.status == "live" or len(choice) == 1]
    except SDK_ERRORS as error:
        raise UnexpectedReply("Hugging Face's list of the model's providers cannot be read.") from error
    if chosen := tuple(dict.fromkeys(provider for provider in providers if provider in choice)):
        return chosen
    raise EngineNotConfigured(f"None of {', '.join(choice)} serves the model {model} at Hugging Face.")


def picture(model: str, provider: str, token: str, parameters: dict[str, Any]) -> bytes:
    """Return the picture's bytes as they came; `model` is a name, or the address that serves one.

    Raises BadPicture or UnexpectedReply if they cannot be read.
    """
    client = InferenceClient(provider=provider, token=token)  # type: ignore[arg-type] # one of its names, as a text
    try:
        image = client.text_to_image(model=model, **parameters)
        file = getattr(image, "fp", None)  # Pillow has read the first bytes, and decodes the rest when needed
        if file is None:
            raise UnexpectedReply("Hugging Face's client gave no picture.")
        file.seek(0)
        data: bytes = file.read()
    except Image.DecompressionBombError:
        raise BadPicture("too_large", "The picture claims far more pixels than any that is made here.") from None
    except UnidentifiedImageError:
        raise BadPicture("unreadable", "Hugging Face's answer is no picture.") from None
    except SDK_ERRORS as error:
        raise UnexpectedReply("Hugging Face's answer is not what its client expects.") from error
    return data
