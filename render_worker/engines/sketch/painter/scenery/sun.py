"""The rising or setting sun, on the skyline at a place where at least its upper half is seen."""

from PIL import Image, ImageChops, ImageDraw

from ..canvas.color import WHITE, mix
from .view import View

SIZE = 0.075  # its radius as a share of the picture's unit
_SEEN = 0.62  # the least share of the disc that must be clear of the land
_SPOTS = (0.0, 0.05, -0.05, 0.1, -0.1, 0.15, -0.15, 0.22, -0.22, 0.3, -0.3, 0.4, -0.4)


def low_sun(view: View, bare: Image.Image) -> None:
    """Paint the sun of a dawn or sunset behind the land but before the clouds; `bare` is the sky without land."""
    if view.palette.time not in ("dawn", "sunset") or "sun" in view.scene.banned:
        return
    if view.scene.has("storm", "rain") or (view.scene.has("moon") and not view.scene.has("sun")):
        return
    canvas = view.canvas
    clear = _clear(bare, canvas.image)
    r = max(2.0, canvas.unit * SIZE)
    x, y = _spot(clear, view.light, r, view.horizon, canvas.width)
    view.light = (x, y)
    veil = 0.4 if view.scene.has("fog", "snowfall") else 0.97
    colour = mix(view.palette.sun, WHITE, 0.45)
    canvas.image.paste(_halo(canvas.image, x, y, r, view), (0, 0), clear)
    disc = _disc(canvas.image.size, x, y, r)
    disc = ImageChops.multiply(disc, clear).point([round(v * veil) for v in range(256)])
    canvas.image.paste(colour, (0, 0), disc)


def _clear(bare: Image.Image, now: Image.Image) -> Image.Image:
    """Return a mask that is white on the sky that nothing was painted over."""
    red, green, blue = ImageChops.difference(bare, now).split()
    changed = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return changed.point([255, 255] + [0] * 254)


def _halo(image: Image.Image, x: float, y: float, r: float, view: View) -> Image.Image:
    """Return the picture with a bright halo round the sun."""
    size = round(r * 7)
    mask = Image.radial_gradient("L").resize((size, size))
    mask = mask.point([round(150 * max(0.0, 1 - v / 180) ** 2) for v in range(256)])
    out = image.copy()
    out.paste(mix(view.palette.sun, WHITE, 0.2), (round(x - size / 2), round(y - size / 2)), mask)
    return out


def _disc(size: tuple[int, int], x: float, y: float, r: float) -> Image.Image:
    side = round(r * 2) + 4
    big = Image.new("L", (side * 4, side * 4))
    left, top = round(x - side / 2), round(y - side / 2)
    cx, cy = (x - left) * 4, (y - top) * 4
    ImageDraw.Draw(big).ellipse((cx - r * 4, cy - r * 4, cx + r * 4, cy + r * 4), fill=255)
    mask = Image.new("L", size)
    mask.paste(big.reduce(4), (left, top))
    return mask


def _spot(clear: Image.Image, light: tuple[float, float], r: float, horizon: float, width: int) -> tuple[float, float]:
    """Return the lowest position near the light from which most of the disc is seen, first near its own x."""
    small = clear.reduce(4) if min(clear.size) > 160 else clear
    k = small.width / clear.width
    best = (light[0], max(r * 1.2, horizon * 0.15))
    found = -1.0
    for shift in _SPOTS:
        x = light[0] + shift * width
        if not r * 1.3 < x < width - r * 1.3:
            continue
        y = _lowest(small, k, x, r, min(light[1], horizon - r * 0.1))
        if y > horizon * 0.55:
            return x, y
        if y > found:
            best, found = (x, y), y
    return best


def _lowest(small: Image.Image, k: float, x: float, r: float, start: float) -> float:
    """Return the lowest y at which enough of the disc is clear."""
    y = start
    while y > r * 1.2:
        if _share(small, k, x, y, r) >= _SEEN:
            return y
        y -= r * 0.2
    return r * 1.2


def _share(small: Image.Image, k: float, x: float, y: float, r: float) -> float:
    """Return the clear share of a disc, 0..1, by a grid of points; its upper half counts for most."""
    seen = total = 0.0
    for row in (-0.85, -0.6, -0.35, -0.1, 0.15, 0.4, 0.65, 0.9):
        half = (1 - row * row) ** 0.5
        for step in (-0.9, -0.45, 0.0, 0.45, 0.9):
            px, py = round((x + step * half * r) * k), round((y + row * r) * k)
            if 0 <= px < small.width and 0 <= py < small.height:
                total += half
                seen += half if small.getpixel((px, py)) == 255 else 0.0
    return seen / total if total else 0.0
