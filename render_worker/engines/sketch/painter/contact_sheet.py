"""The contact sheet of sample prompts: python -m render_worker.engines.sketch.painter.contact_sheet [OUT.jpg]."""

import argparse
from pathlib import Path

from PIL import Image

from . import paint

PROMPTS = (
    "snowy mountains above a lake at dawn", "a cat on the roof of a castle at night", "red fox in a snowy forest",
    "lighthouse in a storm at sunset", "two sailing boats on a golden sea", "hot air balloons over green hills",
    "a dragon flying over a castle at sunset", "portrait of a woman", "city skyline at night in neon light",
    "a coffee cup on a table", "camels and pyramids in the desert", "a whale under water with fish",
    "cherry blossom trees and a pagoda in spring", "aurora over a snowy village at night", "an astronaut on the moon",
    "elephants at sunset", "a deer in an autumn forest", "volcano eruption on an island at night",
    "a robot in a cyberpunk city street", "a steam train crossing a meadow", "tropical beach with palm trees",
    "a waterfall in the jungle", "a wolf howling under the full moon", "sunflowers in a field in summer",
    "a tall ship at sea, ukiyo-e", "an owl in the forest at night", "a rocket and planets in deep space",
    "a house in a flower garden, watercolor", "a knight and a dragon, stained glass", "a red car on the road at noon",
    "two penguins in the snow", "a butterfly over flowers, pointillism", "a bridge over the river in fog",
    "an old windmill, oil painting", "birthday cake with candles", "a child with an umbrella in the rain",
    "swan on a lake, pastel", "a horse in a meadow, low poly", "a wizard in the forest at night",
    "a dancer by the sea, minimalist", "a castle on a hill, pixel art", "a rose, woodcut", "a dog at the beach",
    "milky way over the desert", "a guitar in a room", "rainbow over a lake and mountains",
    "fireworks over the city river at night", "the sound of quiet numbers",
)  # fmt: skip
COLUMNS = 8
CELL = 232
GAP = 8


def paint_contact_sheet(prompts: tuple[str, ...]) -> Image.Image:
    """Return one picture with every prompt painted small, left to right and top to bottom in their order."""
    rows = -(-len(prompts) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (CELL + GAP) + GAP, rows * (CELL + GAP) + GAP), (246, 244, 240))
    for i, prompt in enumerate(prompts):
        picture = paint(prompt, seed=i + 1, width=CELL * 2, height=CELL * 2).reduce(2)
        sheet.paste(picture, (GAP + (i % COLUMNS) * (CELL + GAP), GAP + (i // COLUMNS) * (CELL + GAP)))
    return sheet


def main() -> None:
    """Write the contact sheet as a JPEG."""
    parser = argparse.ArgumentParser(description="Paint the contact sheet of sample prompts.")
    parser.add_argument("out", nargs="?", type=Path, default=Path("docs/sketches.jpg"), metavar="OUT.jpg")
    out: Path = parser.parse_args().out
    paint_contact_sheet(PROMPTS).save(out, quality=84, optimize=True)


if __name__ == "__main__":
    main()
