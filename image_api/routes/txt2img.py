"""/v1/txt2img and /v1/img2img: pictures as base64, with the parameters of Stable Diffusion's services."""

from flask import Response

from image_api.web.api import FORM, JSON, Answer, describe
from image_api.web.api_answers import BODIES, ITS_ENGINE, UPLOADS
from image_api.web.bodies import json_fields
from image_api.web.error_responses import FormattedBlueprint
from image_api.web.request_upload import check_type, sent_image, uploaded
from image_api.web.responses import base_url
from image_api.web.schemas.txt2img import ImageToImageRequest, TextToImageRequest
from image_api.web.schemas.txt2img_response import TextToImageResponse
from image_api.web.sent_options import response_with
from image_api.web.txt2img import txt2img_response

routes = FormattedBlueprint("txt2img", __name__, error_format=None, error_paths=("/v1/txt2img", "/v1/img2img"))


@routes.post("/v1/txt2img")
@routes.post("/api/v1/generate/txt2img")
@describe(
    {200: Answer("The pictures.", {JSON: TextToImageResponse}, ("X-Cache",))},
    body={JSON: TextToImageRequest},
    examples={
        "a prompt alone": {"prompt": "a beautiful sunset over mountains"},
        "with steps and a scheduler": {"prompt": "a red boat", "num_inference_steps": 25, "scheduler": "euler"},
    },
    errors=(*ITS_ENGINE, *BODIES),
)
def txt2img() -> Response:
    """Generate up to ten pictures of a prompt."""
    base = base_url()  # first, so that a bad Host header costs no generation
    return txt2img_response(json_fields(TextToImageRequest), base)


@routes.post("/v1/img2img")
@routes.post("/api/v1/generate/img2img")
@describe(
    {200: Answer("The pictures.", {JSON: TextToImageResponse}, ("X-Cache",))},
    body={FORM: ImageToImageRequest, JSON: ImageToImageRequest},
    errors=(*ITS_ENGINE, *UPLOADS),
)
def img2img() -> Response:
    """Generate up to ten pictures that begin with an image."""
    base = base_url()  # first, so that a bad Host header costs no generation
    check_type()
    with uploaded(ImageToImageRequest.parse) as body:
        image = sent_image(body.image[0])
    return response_with(image, lambda: txt2img_response(body, base, image))
