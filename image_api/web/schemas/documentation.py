"""The front page: what this service does and how to use it."""

from typing import Self

from image_api.generation.options import GenerationOptions
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import VERSION

ENDPOINTS = {
    "GET /generate": "Make a picture; the parameters go into the query.",
    "POST /generate": "The same with the parameters as a JSON object or a form, which may have an image to begin with.",
    "GET /generate.png": "The picture itself; .jpg and .webp as well.",
    "GET /sheet.png": "Pictures of seeds=4 or 9 as one; .jpg and .webp as well, and /sheet as JSON.",
    "GET /generate, Accept: text/event-stream": "The same as events that tell how far it is.",
    "WebSocket /stream/generate/txt2img": "The same as messages; each message to it is a body of POST /generate.",
    "POST /v1/images/generate": "A picture in a named style and an aspect ratio: {prompt, style?, aspect_ratio?, …}.",
    "GET /v1/styles": "The styles.",
    "POST /v1/images/generations": "Up to ten pictures at once, for OpenAI's clients as they are.",
    "POST /v1/images/edits": "Pictures that begin with an image, for OpenAI's clients as they are.",
    "POST /v1/images/variations": "Pictures that begin with an image, without a prompt.",
    "POST /v1/txt2img": "Up to ten pictures as base64: {prompt, model_id?, num_inference_steps?, scheduler?, …}.",
    "POST /v1/img2img": "The same with an image to begin with; both also below /api/v1/generate.",
    "POST /v1/models/load": "Loads a model into memory, for the operator; also below /api/v1, as the next three.",
    "GET /v1/loras/list": "The LoRAs that lora_path accepts.",
    "POST /v1/loras/load": "Loads a LoRA with a model, for the operator.",
    "POST /v1/loras/unload": "Removes a LoRA from memory, for the operator.",
    "GET /v1/models": "The names that model accepts, in OpenAI's words; /v1/models/<name> is one of them.",
    "DELETE /requests/<request_id>": "Cancels the request whose response has this X-Request-ID, also at the services.",
    "POST {api}/generate": "The same as a job: 202 at once, and the picture also if the client is gone meanwhile.",
    "GET {api}/status/<job_id>": "A job: how far it is, its pictures, or why it failed.",
    "GET {api}/jobs/<job_id>/events": "The same as events, from its present state to its end.",
    "GET {api}/jobs": "The jobs of the account, or without AUTH those of this machine; the newest first.",
    "DELETE {api}/jobs/<job_id>": "Cancels a job.",
    "GET {api}/health": "What jobs need, and which of it is down: their database, the render workers, the queue.",
    "GET /images/<name>": "A picture that was made.",
    "DELETE /images/<name>": "Deletes a picture, for the operator.",
    "GET /p/<name>": "Its page, to share: the picture and how it was made; <name> is <sha256>.png, .jpg or .webp.",
    "GET /models": "The names that model accepts.",
    "GET /health": "This service, and what it last heard of the render worker.",
    "GET /v1/health": "Whether this service is up: {status: ok}.",
    "GET /ready": "Whether a picture could be made now; asks the render worker.",
    "GET /status": "The same for people, as a page; wakes nothing.",
    "GET /badge.svg": "The same as a badge, for other pages.",
    "GET /wake": "Starts a render worker that sleeps, and tells how long that is likely to take.",
    "GET /wake.gif": "The same as a picture of one pixel, for a page whose visitor will soon want a picture.",
}
ANSWERS = {
    "JSON": "by default: {success: true, image_url, seed, …}",
    "redirect to the picture": "for an <img> tag, for Accept: image/… and for format=redirect",
    "the picture itself": "for format=image, and for an <img> tag with output_format=auto; as base64 in the JSON for"
    " response_format=b64_json",
    "error": "{success: false, error: <a sentence>, code: <a stable word>, hint?, retry_after?, request_id}",
}
VALUES = (
    "null and empty optional parameters are as left out, trackers (utm_…, fbclid, gclid, _) are ignored, booleans and "
    'words of a list come in any case, numbers as 42, 42.0 or "42"; what else is unknown or invalid is refused by name.'
)


class Parameter(ResponseModel):
    """One parameter of /generate."""

    accepts: str
    default: bool | str | int | float | None = None
    required: bool = False


class Documentation(ResponseModel):
    """The front page."""

    service: str = "image-api"
    version: str = VERSION
    description: str = "One GET turns a prompt into the address of a picture."
    examples: dict[str, str]
    parameters: dict[str, Parameter]
    values: str = VALUES
    endpoints: dict[str, str]
    answers: dict[str, str] = ANSWERS
    authentication: str | None = None
    """What is to be sent, if AUTH asks for a credential."""
    simulated: bool | None = None

    @classmethod
    def at(cls, base: str, api: str) -> Self:
        """Return the documentation of the service at a base URL, with the routes of jobs below the path `api`."""
        parameters = {
            name: Parameter(
                accepts=field.description or "",
                default=None if field.is_required() else field.default,
                required=field.is_required(),
            )
            for name, field in GenerationOptions.public_fields().items()
        }
        endpoints = {name.replace("{api}", api): does for name, does in ENDPOINTS.items()}
        return cls(examples=_examples(base), parameters=parameters, endpoints=endpoints)


def _examples(base: str) -> dict[str, str]:
    return {
        "picture": f"curl -s '{base}/generate?prompt=sunset%20over%20mountains&shape=landscape'",
        "a size": f"curl -s '{base}/generate?prompt=a%20red%20boat&size=1024x1024'",
        "a ratio": f"curl -s '{base}/generate?prompt=a%20red%20boat&aspect_ratio=16:9'",
        "several pictures": f"curl -s '{base}/generate?prompt=a%20red%20boat&seed=40&n=3'",
        "a contact sheet": (
            f"curl -sS --fail-with-body -o sheet.png '{base}/sheet.png?prompt=a%20red%20boat&seed=40&seeds=4'"
        ),
        "all parameters": (  # `size` is another way to give width and height
            f"curl -s '{base}/generate?prompt=fantasy%20castle%20in%20clouds&negative_prompt=blurry&seed=42"
            "&style=watercolor&guidance_scale=8&shape=portrait&width=512&height=768&aspect_ratio=2:3&model=auto&within=120&prefer=free"
            "&steps=25&scheduler=euler&lora_path=ink.safetensors&lora_scale=0.8&output_format=webp&output_compression=90&format=json&response_format=url&n=2&previews=false&cache=true'"
        ),
        "without AI": f"curl -s '{base}/generate?prompt=a%20lighthouse%20at%20night&model=sketch&seed=7'",
        "JSON body": (
            f"curl -s -X POST '{base}/generate' -H 'Content-Type: application/json' "
            """-d '{"prompt": "sunset over mountains", "shape": "landscape"}'"""
        ),
        "an image to begin with, if an engine takes one": (
            f"curl -s -F prompt='the same in winter' -F strength=0.6 -F image=@house.jpg '{base}/generate'"
        ),
        "save the picture": (
            f"curl -sSL --fail-with-body -o picture.png '{base}/generate?prompt=a%20quiet%20forest&format=redirect'"
        ),
        "in the smallest format that the client shows": (
            f"curl -sS --fail-with-body -H 'Accept: image/avif,image/webp' -o picture.avif "
            f"'{base}/generate?prompt=a%20quiet%20forest&seed=7&format=image&output_format=auto'"
        ),
        "in a page": (
            f'<img src="{base}/generate?prompt=a%20quiet%20forest&seed=7&output_format=auto" alt="a quiet forest">'
        ),
    }
