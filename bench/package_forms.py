"""`python -m bench.package_forms`: the `perchance` package alone, as its users use it; one JSON object on stdout.

`fresh` starts a browser for each picture, as the package's own example does; `warm` keeps one generator for all.
"""

import argparse
import asyncio
import json
import time

import perchance


async def picture(generator: "perchance.ImageGenerator") -> None:
    """Make a picture and download it."""
    result = await generator.image("a lighthouse at night", shape="square")
    await result.download()


async def drive(base_url: str, form: str, images: int, clients: int) -> dict[str, object]:
    """Make pictures for that many clients at a time; return the seconds in all and the latencies in milliseconds."""
    latencies: list[float] = []
    slots = asyncio.Semaphore(clients)

    async def one(warm: "perchance.ImageGenerator | None") -> None:
        async with slots:
            begun = time.monotonic()
            if warm:
                await picture(warm)
            else:
                async with perchance.ImageGenerator() as fresh:
                    fresh.BASE_URL = base_url
                    await picture(fresh)
            latencies.append((time.monotonic() - begun) * 1000)

    if form == "fresh":
        begun = time.monotonic()
        await asyncio.gather(*(one(None) for _ in range(images)))
    else:
        async with perchance.ImageGenerator() as generator:
            generator.BASE_URL = base_url
            await picture(generator)  # its browser starts here
            begun = time.monotonic()
            await asyncio.gather(*(one(generator) for _ in range(images)))
    return {"seconds": time.monotonic() - begun, "milliseconds": latencies}


def main() -> None:
    """Measure one form."""
    parser = argparse.ArgumentParser(prog="python -m bench.package_forms", description=__doc__)
    parser.add_argument("base_url", help="address of the site's image API")
    parser.add_argument("form", choices=["fresh", "warm"])
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--clients", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(drive(given.base_url, given.form, given.images, given.clients))))


if __name__ == "__main__":
    main()
