"""An SVG of what ran when: a row for each kind of process, whose height is its share of the processor time allowed."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LABELS, RIGHT, TOP, ROW, GAP, FOOT = 800, 306, 24, 86, 26, 6, 30
BIN_SECONDS = 0.1
LEAST_SECONDS = 0.005  # of the processor: a row with less is not shown
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 } .tier { font-weight: 600 }
.bar { fill: #0969da } .line { stroke: #d1d9e0 }
.said { fill: #cf222e } .mark { stroke: #cf222e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .bar { fill: #4493f8 } .line { stroke: #3d444d }
.said { fill: #f85149 } .mark { stroke: #f85149 }
}
"""

Row = tuple[str, str]
"""A tier and a kind of process."""


def waterfall(
    samples: Sequence[tuple[float, Mapping[Row, float]]], marks: Mapping[str, float], cores: float, seconds: float
) -> str:
    """Return the SVG of the first `seconds`.

    `samples` are seconds since the start with the processor seconds used by then; `marks` are events, by seconds.
    """
    begun = {row for _, used in samples for row in used if _used(samples, row, seconds) > LEAST_SECONDS}
    rows = sorted(begun, key=lambda row: (row[0], _first(samples, row)))
    height = TOP + len(rows) * (ROW + GAP) + FOOT
    scale = (WIDTH - LABELS - RIGHT) / seconds
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>What runs in the first {seconds:g} seconds on {cores:g} of a core</title>",
        f"<style>{STYLE}</style>",
        '<text x="0" y="16">A full bar is all that a tier may use:</text>',
        f'<text x="0" y="34">{cores:g} of a core.</text>',
        *_seconds(seconds, scale, height),
        *(part for at, row in enumerate(rows) for part in _row(row, at, samples, cores * BIN_SECONDS, seconds, scale)),
        *_marks(marks, seconds, scale, height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _first(samples: Sequence[tuple[float, Mapping[Row, float]]], row: Row) -> float:
    return next(at for at, used in samples if row in used)


def _seconds(seconds: float, scale: float, height: int) -> list[str]:
    bottom = height - FOOT
    return [
        f'<line class="line" x1="{x:.0f}" x2="{x:.0f}" y1="{TOP}" y2="{bottom}"/>'
        f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{second} s</text>'
        for second in range(0, int(seconds) + 1, 2)
        for x in [LABELS + second * scale]
    ]


def _row(
    row: Row,
    at: int,
    samples: Sequence[tuple[float, Mapping[Row, float]]],
    allowed: float,
    seconds: float,
    scale: float,
) -> list[str]:
    """Return a row's label and its bars, as one path; `allowed` is the processor time of a whole bar."""
    bottom = TOP + at * (ROW + GAP) + ROW
    bars: list[str] = []
    for index in range(int(seconds / BIN_SECONDS)):
        begin, end = index * BIN_SECONDS, (index + 1) * BIN_SECONDS
        share = min(1.0, (_used(samples, row, end) - _used(samples, row, begin)) / allowed)
        if share > 0.01:  # less is not seen
            x, width = LABELS + begin * scale, BIN_SECONDS * scale
            bars.append(f"M{x:.1f} {bottom}v{-share * ROW:.1f}h{width:.1f}v{share * ROW:.1f}z")
    tier, kind = row
    label = f'<text x="0" y="{bottom - 8}"><tspan class="tier">{escape(tier)}</tspan> {escape(kind)}</text>'
    line = f'<line class="line" x1="{LABELS}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    return [label, line, f'<path class="bar" d="{"".join(bars)}"/>']


def _used(samples: Sequence[tuple[float, Mapping[Row, float]]], row: Row, at: float) -> float:
    """Return the processor seconds that a row had used at a moment, between two samples in proportion."""
    before, after = (0.0, 0.0), None
    for moment, used in samples:
        if moment > at:
            after = (moment, used.get(row, before[1]))
            break
        before = (moment, used.get(row, before[1]))
    if after is None:
        return before[1]
    share = (at - before[0]) / (after[0] - before[0])
    return before[1] + share * (after[1] - before[1])


def _marks(marks: Mapping[str, float], seconds: float, scale: float, height: int) -> list[str]:
    parts: list[str] = []
    shown = sorted((at, what) for what, at in marks.items() if at <= seconds)
    for index, (at, what) in enumerate(shown):
        x, y = LABELS + at * scale, 16 + 18 * (index % 4)
        anchor = "end" if x > WIDTH - 220 else "start"
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y + 3}" y2="{height - FOOT}"/>')
        parts.append(f'<text class="said" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(what)} {at:.1f} s</text>')
    return parts
