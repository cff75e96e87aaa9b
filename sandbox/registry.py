"""The stand-ins, one row each. A new one is a file that declares STAND_IN, and a row here."""

from sandbox import cloudinary, horde, huggingface, imgur, perchance, replicate, upload_host, vertex
from sandbox.stand_in import Addresses, StandIn

STAND_INS: dict[str, StandIn] = {
    "perchance": perchance.STAND_IN,
    "horde": horde.STAND_IN,
    "imgur": imgur.STAND_IN,
    "huggingface": huggingface.STAND_IN,
    "replicate": replicate.STAND_IN,
    "vertex": vertex.STAND_IN,
    "cloudinary": cloudinary.STAND_IN,
    "upload_host": upload_host.STAND_IN,
}


def environment(addresses: Addresses) -> dict[str, str]:
    """Return the variables that point both tiers to a sandbox in place of every outside service."""
    pointers = {"SIMULATED": "true", "PICTURE_ORIGINS": f"{addresses.site},{addresses.uploads}"}
    for stand_in in STAND_INS.values():
        pointers |= stand_in.environment(addresses)
    return pointers
