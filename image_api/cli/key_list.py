"""The list of API keys, as a table and as JSON."""

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from image_api.auth.api_key import ApiKey, has_expired
from image_api.auth.api_keys import declared_key
from image_api.credentials.key_rows import KeyRow
from image_api.key_entries import SCOPES, KeyEntry, dollars_of, time_text

HEAD = ("NAME", "STATE", "SCOPES", "LIMITS", "SPENT TODAY", "CREATED", "EXPIRES")


def declared_rows(entries: Iterable[KeyEntry], spent: Mapping[str, int]) -> list[KeyRow]:
    """Return the keys of API_KEYS; `spent` has what accounts have spent today, in micro-dollars."""
    keys = [declared_key(it) for it in entries]
    return [KeyRow(it, spent=spent.get(it.account_id, 0)) for it in keys]


def table(keys: list[KeyRow]) -> str:
    """Return the keys as a table."""
    lines = [HEAD, *(_line(it) for it in keys)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def json_text(keys: list[KeyRow]) -> str:
    """Return the keys as JSON."""
    return json.dumps([_object(it) for it in keys], indent=2)


def _line(row: KeyRow) -> tuple[str, ...]:
    key = row.key
    created = "by API_KEYS" if row.created_at is None else time_text(row.created_at)
    expires = "never" if key.expires_at is None else time_text(key.expires_at)
    return key.name, _state(key), ",".join(_scopes(key)), _limits(key), f"${dollars_of(row.spent)}", created, expires


def _limits(key: ApiKey) -> str:
    found = key.allowance
    limits = [f"{count}/{unit}" for count, unit in ((found.per_minute, "minute"), (found.per_day, "day")) if count]
    budget = [] if found.budget is None else [f"${dollars_of(found.budget)}/day"]
    return ", ".join([*limits, *budget]) or "none"


def _object(row: KeyRow) -> dict[str, Any]:
    key = row.key
    return {
        "name": key.name,
        "account": key.account_id,
        "state": _state(key),
        "declared": row.created_at is None,
        "scopes": _scopes(key),
        "per_minute": key.allowance.per_minute,
        "per_day": key.allowance.per_day,
        "budget": None if key.allowance.budget is None else dollars_of(key.allowance.budget),
        "spent_today": dollars_of(row.spent),
        "created_at": _iso(row.created_at),
        "rotated_at": _iso(row.rotated_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
    }


def _scopes(key: ApiKey) -> list[str]:
    return [it for it in SCOPES if it in key.scopes]


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if has_expired(key, time.time()) else "valid"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
