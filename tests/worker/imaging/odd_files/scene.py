"""What the odd files show: gradients and strong colours, in which a turn, a shift or a lost pixel is seen."""

from functools import cache

from PIL import Image

SIZE = (96, 64)
BLOCKS = ("#e01010", "#10c020", "#1828e0", "#f0e020", "#20d0e0", "#d020c0")  # aligned to JPEG's blocks


@cache
def scene(mode: str = "RGB") -> Image.Image:
    """Return the picture in a mode of Pillow's."""
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(SIZE)
    down = Image.linear_gradient("L").resize(SIZE)
    image = Image.merge("RGB", (across, down, across.point(lambda value: 255 - value // 2)))
    for place, color in enumerate(BLOCKS):
        image.paste(color, (place * 16, 0, place * 16 + 16, 16))
    image.paste("#101010", (0, 48, 32, 64))
    image.paste(across.resize((64, 16)).convert("RGB"), (32, 48))
    return image.convert(mode)


@cache
def veil() -> Image.Image:
    """Return its alpha: from transparent to opaque, with a hole."""
    alpha = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(SIZE)
    alpha.paste(0, (16, 16, 48, 32))
    alpha.paste(255, (48, 16, 64, 32))
    return alpha


def veiled() -> Image.Image:
    """Return the picture with its alpha."""
    image = scene().copy()
    image.putalpha(veil())
    return image


def rows(image: Image.Image) -> list[list[tuple[int, ...]]]:
    """Return its samples."""
    data = image.tobytes()
    bands = len(image.getbands())
    pixels = [tuple(data[at : at + bands]) for at in range(0, len(data), bands)]
    return [pixels[at : at + image.width] for at in range(0, len(pixels), image.width)]


def scaled(samples: list[list[tuple[int, ...]]], depth: int) -> list[list[tuple[int, ...]]]:
    """Return samples of eight bits in another depth."""
    most = (1 << depth) - 1
    return [[tuple(round(sample * most / 255) for sample in pixel) for pixel in row] for row in samples]
