"""The stand-ins, one row each. A new one is a file that declares STAND_IN, and a row here."""

from sandbox import (
    automatic1111,
    cloudflare,
    cloudinary,
    comfyui,
    horde,
    hub,
    huggingface,
    imgur,
    openai,
    perchance,
    pollinations,
    replicate,
    upload_host,
    vertex,
)
from sandbox.stand_in import Addresses, StandIn

STAND_INS: dict[str, StandIn] = {
    "perchance": perchance.STAND_IN,
    "horde": horde.STAND_IN,
    "automatic1111": automatic1111.STAND_IN,
    "comfyui": comfyui.STAND_IN,
    "imgur": imgur.STAND_IN,
    "cloudflare": cloudflare.STAND_IN,
    "huggingface": huggingface.STAND_IN,
    "hub": hub.STAND_IN,
    "replicate": replicate.STAND_IN,
    "vertex": vertex.STAND_IN,
    "openai": openai.STAND_IN,
    "pollinations": pollinations.STAND_IN,
    "cloudinary": cloudinary.STAND_IN,
    "upload_host": upload_host.STAND_IN,
}


def pointers(addresses: Addresses, *names: str) -> dict[str, str]:
    """Return the variables that point a render worker to the named stand-ins."""
    return {name: value for each in names for name, value in STAND_INS[each].environment(addresses).items()}


def environment(addresses: Addresses) -> dict[str, str]:
    """Return the variables that point both tiers to a sandbox in place of every outside service."""
    tiers = {"SIMULATED": "true", "PICTURE_ORIGINS": f"{addresses.site},{addresses.uploads}"}
    return tiers | pointers(addresses, *STAND_INS)
