"""The sandbox's pictures: the procedural painter's, as JPEG, with a small mark that says what they are."""

import io

from PIL import Image, ImageDraw, ImageFont

from render_worker.painter import paint

JPEG_QUALITY = 85
MARK = "simulated"
MARK_PIXELS = 14
MARGIN_PIXELS = 6


def jpeg(prompt: str, negative_prompt: str, seed: int, guidance_scale: float, size: tuple[int, int]) -> bytes:
    """A JPEG of that width and height in pixels."""
    width, height = size
    image = paint(
        prompt,
        negative_prompt=negative_prompt or None,
        seed=seed,
        guidance_scale=guidance_scale,
        width=width,
        height=height,
    )
    _mark(image)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _mark(image: Image.Image) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    corner = (image.width - MARGIN_PIXELS, image.height - MARGIN_PIXELS)
    font = ImageFont.load_default(MARK_PIXELS)
    box = draw.textbbox(corner, MARK, font=font, anchor="rb")
    draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill=(0, 0, 0, 110))
    draw.text(corner, MARK, font=font, anchor="rb", fill=(255, 255, 255, 220))
