"""`python -m bench.encoding`: what it saves to keep an engine's file as it came.

Pictures of our painter as an engine's files of each format, stored in the same format: kept, and decoded and encoded
again, as it was before and as a quality that is asked for still makes it. Both in turns, in one process.
"""

import argparse
import asyncio
import io
import math
import statistics
import sys
import time
from collections.abc import Callable

from PIL import Image, ImageChops, ImageStat

from bench.table import print_table
from render_worker.contract import Recipe, StoredFormat
from render_worker.engines.settings import EngineSettings
from render_worker.engines.sketch.engine import SketchEngine
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import ProgressReporter, ignore_progress
from render_worker.imaging import to_picture
from render_worker.imaging.decoding import decode
from render_worker.imaging.encoding import encode
from render_worker.imaging.placeholder import placeholder_of
from render_worker.sizes import SizePlan

PROMPTS = ("sunset over mountains", "a lighthouse at night", "a fox in the snow", "a street in the rain")
SIZE = (768, 768)
PLAN = SizePlan(SIZE)
TEXTS = {"prompt": "a lighthouse at night", "seed": "7", "engine": "perchance"}
FILES: tuple[tuple[StoredFormat, dict[str, int]], ...] = (
    ("jpeg", {"quality": 75}),
    ("jpeg", {"quality": 95}),
    ("webp", {"quality": 80}),
    ("png", {}),
)
"""An engine's files: their formats, and how Pillow saves them; a service is free to do it anyhow."""
WHITE = 255
COLUMNS = (
    "768×768",
    "kept: processor's ms",
    "encoded again: ms",
    "ratio",
    "kept: KB",
    "encoded again: KB",
    "second loss: PSNR",
)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.encoding", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of each picture (20)")
    rounds = parser.parse_args().rounds
    paintings = [_painting(prompt) for prompt in PROMPTS]
    print_table(COLUMNS, [_row(kind, options, paintings, rounds) for kind, options in FILES])
    return 0


def _row(kind: StoredFormat, options: dict[str, int], paintings: list[Image.Image], rounds: int) -> list[str]:
    files = [_file_of(painting, kind, options) for painting in paintings]
    kept, again = [_kept(file, kind) for file in files], [_encoded_again(file, kind) for file in files]
    times = [(_ms(_kept, file, kind), _ms(_encoded_again, file, kind)) for _ in range(rounds) for file in files]
    one, other = (statistics.median(column) for column in zip(*times, strict=True))
    kilobytes = [f"{statistics.mean(map(len, made)) / 1000:.0f}" for made in (kept, again)]
    losses = [_psnr(first, second) for first, second in zip(files, again, strict=True)]
    loss = "none" if math.inf in losses else f"{min(losses):.1f} to {max(losses):.1f} dB"
    name = " ".join([kind, *(f"of {option} {value}" for option, value in options.items())])
    return [name, f"{one:.1f}", f"{other:.1f}", f"{one / other:.2f}", *kilobytes, loss]


def _painting(prompt: str) -> Image.Image:
    reporter = ProgressReporter("-", SketchEngine.name, Latencies(), ignore_progress)
    made = asyncio.run(SketchEngine(EngineSettings()).generate(Recipe(prompt=prompt, seed=7), reporter))
    return Image.open(io.BytesIO(made.data))


def _file_of(painting: Image.Image, kind: StoredFormat, options: dict[str, int]) -> bytes:
    out = io.BytesIO()
    painting.save(out, kind, **options)
    return out.getvalue()


def _kept(file: bytes, kind: StoredFormat) -> bytes:
    return to_picture(file, PLAN, TEXTS, kind).data


def _encoded_again(file: bytes, kind: StoredFormat) -> bytes:
    """Return what is stored if the file is not kept."""
    decoded = decode(file, PLAN, size_required=True)
    placeholder_of(decoded.image)
    return encode(decoded.image, TEXTS, kind, None)


def _ms(make: Callable[[bytes, StoredFormat], bytes], file: bytes, kind: StoredFormat) -> float:
    begun = time.thread_time()  # of the processor, whatever else it has to do
    make(file, kind)
    return (time.thread_time() - begun) * 1000


def _psnr(one: bytes, other: bytes) -> float:
    """Return the peak signal-to-noise ratio of two files in dB; infinite if they are the same."""
    first, second = (Image.open(io.BytesIO(file)).convert("RGB") for file in (one, other))
    mean_square = statistics.mean(it**2 for it in ImageStat.Stat(ImageChops.difference(first, second)).rms)
    return 10 * math.log10(WHITE**2 / mean_square) if mean_square else math.inf


if __name__ == "__main__":
    sys.exit(main())
