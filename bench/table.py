"""How a benchmark prints what it found: the machine, then a table in Markdown."""

from collections.abc import Iterable, Sequence

from bench import machine


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the machine and a table with these headings."""
    print(f"\n{machine.line()}\n")
    print(f"{_row(headings)}\n{'|---' * len(headings)}|")
    for row in rows:
        print(_row(row))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
