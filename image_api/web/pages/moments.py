"""Moments and durations as people read them, the same in any language."""

from datetime import UTC, datetime


def moment(text: str | None) -> str | None:
    """Return an ISO 8601 moment as the date and the minute in UTC; None if it is none."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return f"{at.astimezone(UTC) if at.tzinfo else at:%Y-%m-%d %H:%M} UTC"


def seconds_text(seconds: float) -> str:
    """Return seconds as a person says them: 0.4, 7.2, 31."""
    return f"{max(seconds, 0.1):.1f}" if seconds < 9.95 else f"{seconds:.0f}"
