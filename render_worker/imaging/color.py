"""Colours: from what a file's profile means by its samples to sRGB."""

import io
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from render_worker.imaging.profiles import SRGB, rgb_profile, srgb_curve

if TYPE_CHECKING:
    from PIL import ImageCms

KNOWN_BYTES = 1 << 16  # and less: such profiles are remembered
ROUNDING = 1  # of 255: a profile that changes no colour by more is sRGB's own
GREYS = bytes(range(256))
STEPS = bytes(range(0, 256, 15))  # of each channel, by whose combinations a profile is compared with sRGB


def to_srgb(image: Image.Image, profiles: Sequence[bytes], *, grey: bool) -> tuple[Image.Image, bool]:
    """Return the picture as RGB or RGBA, and whether a profile was applied. It is changed in place if it can be.

    `profiles`: the first that can be read counts. One of another kind than the picture is ignored, as browsers do.
    """
    data, profile = next(((data, read) for data in profiles if (read := _read(data))), (b"", None))
    space = profile.profile.xcolor_space.strip() if profile else ""
    if image.mode == "CMYK":
        converted = _applied(image, profile) if profile and space == "CMYK" else None
        return (converted, True) if converted else (image.convert("RGB"), False)
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if profile and space == "GRAY" and grey:
        return _by_shade(image, profile)
    if profile and space == "RGB" and not (_is_known_srgb(data) if len(data) <= KNOWN_BYTES else _is_srgb(profile)):
        return image, _applied(image, profile, in_place=True) is not None
    return image, False


def _read(data: bytes) -> "ImageCms.ImageCmsProfile | None":
    """Return the profile; None if it is broken."""
    if not data:
        return None
    from PIL import ImageCms  # on first use: few pictures have a profile

    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(data))
    except OSError:
        return None


@cache
def _srgb() -> "ImageCms.ImageCmsProfile":
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile(SRGB, srgb_curve)))


def _applied(image: Image.Image, profile: "ImageCms.ImageCmsProfile", *, in_place: bool = False) -> Image.Image | None:
    """Return the picture in sRGB; None, and the picture is untouched, if the profile cannot be applied.

    Its perceptual table is taken if there is one, else its matrix; black points are not compensated: so do browsers.
    """
    from PIL import ImageCms

    try:
        transform = ImageCms.buildTransform(profile, _srgb(), image.mode, image.mode if in_place else "RGB")
    except ImageCms.PyCMSError:
        return None
    return ImageCms.applyTransform(image, transform, in_place) or image


@cache
def _samples() -> Image.Image:
    """Return a picture of colours from all over the space."""
    count = len(STEPS)
    colors = b"".join(bytes((red, green, blue)) for red in STEPS for green in STEPS for blue in STEPS)
    return Image.frombytes("RGB", (count * count, count), colors)


def _is_srgb(profile: "ImageCms.ImageCmsProfile") -> bool:
    """Return whether the profile changes no colour, but for rounding."""
    after = _applied(_samples(), profile)
    return after is None or _most_different(_samples(), after) <= ROUNDING


@lru_cache(maxsize=16)
def _is_known_srgb(data: bytes) -> bool:
    """Return what `_is_srgb` does, which takes 14 ms, and engines have one profile for all their pictures."""
    profile = _read(data)
    return profile is None or _is_srgb(profile)


def _by_shade(image: Image.Image, profile: "ImageCms.ImageCmsProfile") -> tuple[Image.Image, bool]:
    """Return a grey picture in sRGB, and whether it differs."""
    before = Image.frombytes("L", (len(GREYS), 1), GREYS)
    after = _applied(before, profile)
    if after is None or _most_different(before.convert("RGB"), after) <= ROUNDING:
        return image, False
    shades = after.getchannel("G").tobytes()
    return image.point([*shades * 3, *GREYS][: 256 * len(image.getbands())]), True


def _most_different(one: Image.Image, other: Image.Image) -> int:
    return max(ImageChops.difference(one, other).tobytes())
