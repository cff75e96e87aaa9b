"""Colours as (red, green, blue), each 0..255, and how they are mixed. A share is 0..1."""

import colorsys

RGB = tuple[int, int, int]

WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)


def rgb(text: str) -> RGB:
    """Return the colour that "#rrggbb" names."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return the blend of two colours: a if the share is 0, b if it is 1."""
    share = min(1.0, max(0.0, share))
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def lighter(colour: RGB, share: float = 0.2) -> RGB:
    """Return the colour moved towards a warm white."""
    return mix(colour, (255, 250, 240), share)


def darker(colour: RGB, share: float = 0.25) -> RGB:
    """Return the colour moved towards a cool near-black, which looks less muddy than pure black."""
    return mix(colour, (14, 12, 34), share)


def luma(colour: RGB) -> float:
    """Return how bright a colour looks, 0..255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def saturated(colour: RGB, factor: float) -> RGB:
    """Return the colour with its saturation scaled; 1 leaves it as it is."""
    h, s, v = colorsys.rgb_to_hsv(colour[0] / 255, colour[1] / 255, colour[2] / 255)
    return _from_hsv(h, s * factor, v)


def turned(colour: RGB, turn: float) -> RGB:
    """Return the colour with its hue rotated by a share of the full circle."""
    h, s, v = colorsys.rgb_to_hsv(colour[0] / 255, colour[1] / 255, colour[2] / 255)
    return _from_hsv(h + turn, s, v)


def hsv(hue: float, saturation: float, value: float) -> RGB:
    """Return the colour of a hue (which wraps), saturation and value, each 0..1."""
    return _from_hsv(hue, saturation, value)


def dyed(colour: RGB, dye: RGB, share: float) -> RGB:
    """Return the colour with the hue of a dye and about its own brightness."""
    own, other = luma(colour), max(1.0, luma(dye))
    target = mix(BLACK, dye, own / other) if own <= other else mix(dye, WHITE, (own - other) / max(1.0, 255 - other))
    return mix(colour, target, share)


def _from_hsv(h: float, s: float, v: float) -> RGB:
    r, g, b = colorsys.hsv_to_rgb(h % 1.0, min(1.0, max(0.0, s)), min(1.0, max(0.0, v)))
    return round(r * 255), round(g * 255), round(b * 255)
