"""PUBLIC_CACHE_SECONDS: which responses browsers and CDNs may keep, for how long, and what a 304 costs."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.auth.keys import declared, sent
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.api.limits.visitors import get
from tests.api.test_contact_sheet import file_of
from tests.fakes.links import HOUR, KEY, link

SECONDS = 3600
TREE = "prompt=a+tree&seed=7"
PNG = f"/generate.png?{TREE}"
FILES = [PNG, PNG.replace("png", "jpg"), PNG.replace("png", "webp"), f"/generate?{TREE}&format=image"]
NEGOTIATED = f"/generate?{TREE}&output_format=auto&format=image"
SHEET = f"/sheet.png?{TREE}"
WEBP = {"Accept": "image/webp"}
BOT = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
KEPT_NOWHERE = "no-store"


@pytest.fixture
def service(client_with, keeps):
    """Return a function that makes a client of a service whose pictures may be kept."""

    def make(picture: bytes | None = None, **settings):
        keeps(data=picture)
        return client_with(**{"public_cache_seconds": SECONDS, **settings})

    return make


@pytest.fixture
def client(service):
    return service()


def kept(answer) -> tuple[str, bool]:
    """Return a response's Cache-Control, and whether it has an ETag."""
    return answer.headers["Cache-Control"], "ETag" in answer.headers


def again(client, path: str, answer, **options):
    """Return the response to the request of a client that has that response."""
    headers = {**options.pop("headers", {}), "If-None-Match": answer.headers["ETag"]}
    return client.get(path, headers=headers, **options)


@pytest.mark.parametrize("path", [*FILES, NEGOTIATED, SHEET])
def test_it_is_off_by_default(client_with, keeps, path):
    keeps(data=file_of(64, 64))
    client = client_with()
    for _ in range(2):
        answer = client.get(path)
        assert kept(answer) == (KEPT_NOWHERE, False)
        assert (answer.headers["Vary"], client.get(path, headers={"If-None-Match": "*"}).status_code) == (
            "Accept, Sec-Fetch-Dest",
            200,
        )


@pytest.mark.parametrize("path", FILES)
def test_the_picture_of_a_seed_may_be_kept(client, path):
    for cache in ("MISS", "HIT"):
        answer = client.get(path)
        assert kept(answer) == (f"public, max-age={SECONDS}", True)
        assert (answer.headers["ETag"], answer.headers["X-Cache"]) == (f'"{NAME}"', cache)
        assert answer.headers["Vary"] == (
            "Accept, Sec-Fetch-Dest" if "?format" in path or "/generate?" in path else "Origin"
        )


@pytest.mark.parametrize("path", [*FILES, NEGOTIATED, SHEET])
def test_a_client_that_has_it_gets_304_without_the_worker(service, worker, path):
    client = service(file_of(64, 64))
    first = client.get(path, headers=WEBP)
    worker.requests.clear()
    answer = again(client, path, first, headers=WEBP)
    assert (answer.status_code, answer.data, worker.requests) == (304, b"", [])
    for name in ("ETag", "Cache-Control", "Vary"):
        assert answer.headers[name] == first.headers[name]
    assert client.get(path, headers={**WEBP, "If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize("path", [*FILES, NEGOTIATED, SHEET])
def test_what_the_service_has_forgotten_is_made_once_more(service, worker, path):
    first = service(file_of(64, 64)).get(path, headers=WEBP)
    answer = again(service(file_of(64, 64)), path, first, headers=WEBP)  # of another process
    assert (answer.status_code, len(worker.asked_to_make())) == (304, 2 if path != SHEET else 8)


@pytest.mark.parametrize(("accept", "mimetype"), [("image/webp", "image/webp"), ("*/*", "image/png")])
def test_a_negotiated_picture_varies_by_what_the_client_accepts(service, accept, mimetype):
    client = service(file_of(64, 64))
    answer = client.get(NEGOTIATED, headers={"Accept": accept})
    assert (answer.mimetype, answer.headers["Vary"]) == (mimetype, "Accept, Sec-Fetch-Dest")
    other = client.get(NEGOTIATED, headers={"Accept": "image/avif"})
    assert other.headers["ETag"] != answer.headers["ETag"]
    assert again(client, NEGOTIATED, other, headers={"Accept": accept}).status_code == 200


def test_another_picture_has_another_etag(client, keeps):
    keeps(sha256="b" * 64, image_url=f"/images/{'b' * 64}.png")
    first = client.get(PNG)
    keeps()
    answer = again(client, f"{PNG}&shape=landscape", first)
    assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{NAME}"')


@pytest.mark.parametrize(
    "path",
    [
        "/generate.png?prompt=a+tree",
        "/generate.png?prompt=a+tree&seed=-1",
        f"{PNG}&cache=false",
        f"{PNG}&within=60",
        f"{PNG}&prefer=fast",
        f"/generate?{TREE}",
        f"/generate?{TREE}&format=redirect",
        f"/generate?{TREE}&response_format=b64_json",
        "/sheet.png?prompt=a+tree",
        f"/sheet?{TREE}",
    ],
)
def test_what_another_request_may_not_get_is_kept_nowhere(service, path):
    answer = service(file_of(64, 64)).get(path)
    assert kept(answer) == (KEPT_NOWHERE, False)


@pytest.mark.parametrize("path", ["/generate", "/v1/images/generate"])
def test_what_a_post_makes_is_kept_nowhere(client, path):
    body = {"prompt": "a tree"} if path != "/generate" else {"prompt": "a tree", "seed": 7, "format": "image"}
    assert kept(client.post(path, json=body)) == (KEPT_NOWHERE, False)


def test_with_the_service_s_own_cache_off_nothing_is_kept(service):
    assert kept(service(cache_expiration_hours=0).get(PNG)) == (KEPT_NOWHERE, False)


@pytest.mark.parametrize("ignored", ["seed", "size", "guidance_scale"])
def test_what_an_engine_ignored_may_be_better_the_next_time(service, keeps, ignored):
    client = service()
    keeps(ignored=[ignored])
    answers = [client.get(f"{PNG}&size=1024x1024&guidance_scale=3") for _ in range(2)]
    assert [kept(it) for it in answers] == [(KEPT_NOWHERE, False)] * 2


@pytest.mark.parametrize(("left", "most"), [(100, None), (1300, 1000), (90_000, SECONDS)])
def test_it_is_kept_no_longer_than_the_storage_s_link_is_valid(service, keeps, left, most):
    client = service()
    keeps(expires_at=(datetime.now(UTC) + timedelta(seconds=left)).isoformat())
    control, has_etag = kept(client.get(PNG))
    if most is None:
        assert (control, has_etag) == (KEPT_NOWHERE, False)
    else:
        assert most - 60 < int(control.removeprefix("public, max-age=")) <= most


@pytest.mark.parametrize(("valid", "most"), [(600, 600), (24 * HOUR, SECONDS)])
@pytest.mark.parametrize("path", ["/generate.png", "/sheet.png"])
def test_it_is_kept_no_longer_than_a_signed_link_is_valid(service, path, valid, most):
    client = service(file_of(64, 64), signing_keys=KEY, auth="keys", api_keys=declared("ann")[1])
    address = link(path, TREE, seconds=valid)
    first = client.get(address)
    assert most - 60 < int(first.headers["Cache-Control"].removeprefix("public, max-age=")) <= most
    assert again(client, address, first).status_code == 304
    assert again(client, link(path, TREE, seconds=-1), first).status_code == 403
    assert kept(again(client, f"{path}?{TREE}", first)) == (KEPT_NOWHERE, False)  # 401


@pytest.mark.parametrize("auth", ["none", "keys"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key", "api-key"])
def test_what_a_key_asked_for_is_kept_by_its_client_alone(service, auth, header):
    key, entry = declared("ann")
    client = service(auth=auth, api_keys=entry)
    for path, vary in ((PNG, "Origin"), (FILES[-1], "Accept, Sec-Fetch-Dest")):
        answer = client.get(path, headers=sent(key, header))
        assert kept(answer) == (f"private, max-age={SECONDS}", True)
        assert answer.headers["Vary"] == f"{vary}, Authorization, X-API-Key, API-Key"
        assert again(client, path, answer, headers=sent(key, header)).status_code == 304


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "igk_wrong"}])
def test_a_refusal_is_kept_nowhere_whatever_the_client_has(service, headers):
    key, entry = declared("ann")
    client = service(auth="keys", api_keys=entry)
    first = client.get(PNG, headers=sent(key))
    refused = again(client, PNG, first, headers=headers)
    assert (refused.status_code, kept(refused)) == (401, (KEPT_NOWHERE, False))


@pytest.mark.parametrize("path", [PNG, NEGOTIATED, SHEET])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_failed_condition_of_one_client_is_not_kept_for_all(service, path, method):
    client = service(file_of(64, 64))
    client.get(path)
    for more in ({}, {"If-None-Match": '"other"'}):
        assert client.open(path, method=method, headers={"If-Match": '"another"', **more}).status_code == 200


def test_a_blocked_prompt_is_refused_whatever_the_client_has(service, tmp_path):
    first = service().get(PNG)
    terms = tmp_path / "terms.txt"
    terms.write_text("tree\n")
    refused = again(service(blocked_terms_file=terms), PNG, first)
    assert (refused.status_code, kept(refused)) == (422, (KEPT_NOWHERE, False))


@pytest.mark.parametrize("status", [422, 500, 503])
def test_an_error_is_kept_nowhere(service, worker, status):
    client = service(worker_wake_seconds=0)
    worker.say(status, {"success": False, "error": "No.", "code": "content_refused"})
    answer = client.get(PNG, headers={"If-None-Match": "*"})
    assert (answer.status_code, kept(answer)) == (status, (KEPT_NOWHERE, False))


def test_a_sheet_that_lacks_a_picture_is_kept_nowhere(client_with, busy):
    worker = busy(10, file_of(64, 64))
    worker.seconds = lambda _: 0.01
    refusal = {"success": False, "error": "No.", "code": "content_refused"}
    worker.reply = lambda number: (422, refusal) if number == 1 else (200, RESULT)
    client = client_with(perchance_worker_url=worker.url, public_cache_seconds=SECONDS, worker_wake_seconds=0)
    assert kept(client.get(SHEET)) == (KEPT_NOWHERE, False)
    whole = client.get(SHEET)
    assert kept(whole) == (f"public, max-age={SECONDS}", True)
    assert again(client, SHEET.replace("seed=7", "seed=70"), whole).status_code == 304  # the same pictures


def test_limits_are_told_to_no_other_client_and_not_charged_for_what_it_has(service):
    client = service(rate_limit="1 per day")
    first = get(client, PNG)
    assert (first.status_code, "RateLimit" in first.headers) == (200, False)
    for _ in range(2):
        assert get(client, PNG, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    refused = get(client, "/generate.png?prompt=another&seed=7")
    assert (refused.status_code, kept(refused), "RateLimit" in refused.headers) == (429, (KEPT_NOWHERE, False), True)


@pytest.mark.parametrize("path", [*FILES, NEGOTIATED])
def test_a_head_says_the_same_of_what_is_cached(service, worker, path):
    client = service(file_of(64, 64))
    assert kept(client.head(path)) == (KEPT_NOWHERE, False)
    first = client.get(path, headers=WEBP)
    worker.requests.clear()
    head = client.head(path, headers=WEBP)
    for name in ("ETag", "Cache-Control", "Vary", "Content-Type"):
        assert head.headers[name] == first.headers[name]
    unchanged = client.head(path, headers={**WEBP, "If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, worker.requests) == (304, [])


@pytest.mark.parametrize("path", [PNG, NEGOTIATED])
def test_what_a_link_preview_bot_gets_is_kept_nowhere(service, path):
    client = service(PICTURE)
    first = client.get(path)
    answer = client.get(path, headers={**BOT, "If-None-Match": first.headers["ETag"]})
    assert (answer.status_code, kept(answer)) == (200, (KEPT_NOWHERE, False))


def test_a_prefetch_is_refused_all_the_same(client):
    first = client.get(PNG)
    refused = again(client, PNG, first, headers={"Sec-Purpose": "prefetch"})
    assert (refused.status_code, kept(refused)) == (503, (KEPT_NOWHERE, False))


def test_an_origin_that_may_read_it_is_one_of_what_it_varies_by(service):
    client = service(cors_origins=("https://a.example",))
    answer = client.get(PNG, headers={"Origin": "https://a.example"})
    assert (answer.headers["Vary"], answer.headers["Access-Control-Allow-Origin"]) == ("Origin", "https://a.example")
    assert again(client, PNG, answer).headers["Vary"] == "Origin"
