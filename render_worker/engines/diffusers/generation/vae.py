"""How the VAE works while a picture is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from render_worker.engines.diffusers.models.memory import PicturePlan

IN_TILES = "Made in tiles, as the memory has no room for it at once; it differs slightly from one made whole."


@contextmanager
def planned_vae(vae: Any, plan: PicturePlan) -> Iterator[None]:
    """Have a VAE work by a plan within this, and then as before: the next picture of a seed must be the same as ever.

    Its numbers stay what they are, too: SDXL's pipeline gives it more bits, and takes them back only if all goes well.
    """
    before, dtype = (vae.use_tiling, vae.use_slicing), vae.dtype
    vae.use_tiling, vae.use_slicing = plan.tiled, plan.sliced
    try:
        yield
    finally:
        vae.use_tiling, vae.use_slicing = before
        if vae.dtype != dtype:
            vae.to(dtype)
