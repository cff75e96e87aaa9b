"""What a browser may render of the render worker's responses runs and loads nothing."""

import asyncio
import re

import pytest

from render_worker.picture import Picture

PICTURE = Picture(b"\x89PNG and so on", 1, 1, "a" * 64)
VARIABLE = re.compile(r"<([a-z_]+)>")
FILLED = {"name": PICTURE.name, "request_id": "x"}


@pytest.fixture
def addresses(client_with, local):
    """Return a client of a worker with a picture, and an address of every rule that answers GET."""
    asyncio.run(local.save(PICTURE))
    client = client_with(worker_token="a-token")
    rules = [rule.rule for rule in client.application.url_map.iter_rules() if "GET" in rule.methods]
    return client, [*(VARIABLE.sub(lambda it: FILLED[it[1]], rule) for rule in rules), "/nowhere"]


@pytest.mark.parametrize("token", ["a-token", "another"])
def test_it_works(addresses, token):
    client, paths = addresses
    rendered = set()
    for path in paths:
        with client.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
            rendered.add(answer.mimetype)
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; base-uri 'none'"), path
            assert ("frame-ancestors 'none'" in policy) != (answer.mimetype == "image/png"), path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
    assert rendered == ({"application/json", "image/png", "text/plain"} if token == "a-token" else {"application/json"})


def test_a_304_changes_no_policy_in_a_cache(client, local):
    asyncio.run(local.save(PICTURE))
    with client.get(f"/images/{PICTURE.name}", headers={"If-None-Match": f'"{PICTURE.sha256}"'}) as answer:
        assert (answer.status_code, "Content-Security-Policy" in answer.headers) == (304, False)
