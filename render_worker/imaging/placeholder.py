"""What a page can show before the picture is there: a blurred one in a few bytes, and one colour."""

import math

import fast_blurhash
from PIL import Image, ImageStat

from render_worker.imaging.alpha import over_white
from render_worker.picture import Placeholder

SIDE = 32  # pixels of the copy of which both are taken; more change neither
COMPONENTS = 4  # of the blurred picture along the longer side, as blurha.sh recommends
COLORS = 8
ROUNDED = [shade & 0xF0 for shade in range(256)]  # hundreds of colours take four times as long
SIMILAR = 48  # of the 442 from black to white


def placeholder_of(image: Image.Image) -> Placeholder:
    """Return the placeholder of an RGB or RGBA picture. A picture of 768x768 takes a millisecond."""
    copy = over_white(image.reduce(math.ceil(max(image.size) / SIDE)))
    return Placeholder(_blurhash(copy), _dominant_color(copy))


def _blurhash(copy: Image.Image) -> str:
    longer = max(copy.size)
    across, down = (max(1, math.ceil(COMPONENTS * side / longer)) for side in copy.size)
    return fast_blurhash.encode(copy.tobytes(), across, down, copy.width, copy.height)


def _dominant_color(copy: Image.Image) -> str:
    """Return the mean of the largest group of similar colours.

    Quantizing alone would split a sky's shades among several colours, and a smaller plain area would win.
    """
    quantized = copy.point(ROUNDED * 3).quantize(COLORS, Image.Quantize.MEDIANCUT)
    palette, pixels = quantized.getpalette() or [], quantized.histogram()
    colors = list(zip(palette[0::3], palette[1::3], palette[2::3], strict=True))
    groups = ([at for at, other in enumerate(colors) if math.dist(color, other) < SIMILAR] for color in colors)
    largest = max(groups, key=lambda group: sum(pixels[at] for at in group))
    mask = quantized.point([255 if at in largest else 0 for at in range(256)], "L")
    return "#" + "".join(f"{round(mean):02x}" for mean in ImageStat.Stat(copy, mask).mean)
