"""API keys with AUTH=none: a valid one identifies its holder, and everything else is as no credential."""

import pytest

from image_api.auth.api_key import new_key
from image_api.services import services_of
from tests.api.auth.conftest import OPERATORS_TOKEN, bearer
from tests.api.auth.keys import MAKE, add, code, declared, sent

WAYS_TO_JOBS = [
    *[("GET", f"/api/v1/{path}") for path in ("status/{}", "jobs/{}", "jobs/{}/deliveries", "jobs/{}/events")],
    ("DELETE", "/api/v1/jobs/{}"),
]


@pytest.mark.parametrize("headers", [bearer("sk-placeholder"), sent("anything"), {}, sent("ig_short")], ids=str)
def test_other_credentials_are_ignored(client_with, headers):
    client = client_with()
    assert client.get(MAKE, headers=headers).status_code == 200
    assert not services_of(client.application).credentials._loading.is_begun


def test_wrong_keys_are_ignored_too(client_with, store, database_url):
    client, key = client_with(database_url=database_url), add(store, "blog")
    store.revoke_key("blog")
    assert [code(client, it) for it in (key, new_key())] == [200, 200]


@pytest.mark.parametrize(
    ("sent_key", "why"),
    [
        (f"ig_{'A' * 43}", "unknown"),
        ("ig_mistyped", "no API key of this service"),
        ("expired", "expired at 2001-09-09"),
    ],
)
@pytest.mark.parametrize("path", ["/generate?prompt=b", "/v1/images/generations", "/api/v1/generate"])
def test_the_limits_of_a_client_say_that_its_key_was_not_accepted(
    client_with, store, database_url, sent_key, why, path
):
    old, entry = declared("old", expires_at=1_000_000_000)
    client = client_with(api_keys=entry, database_url=database_url, rate_limit="1 per hour")
    elsewhere = sent(old if sent_key == "expired" else sent_key)
    ways = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    assert client.get(MAKE, headers=elsewhere, **ways).status_code == 200
    method, json = ("GET", None) if "?" in path else ("POST", {"prompt": "b"})
    answer = client.open(path, method=method, headers=elsewhere, json=json, **ways)
    assert (answer.status_code, why in answer.text, "without a key apply" in answer.text) == (429, True, True)
    without = client.open(path, method=method, json=json, **ways)
    assert (without.status_code, "without a key apply" in without.text) == (429, False)


def test_jobs_belong_to_the_key(client_with, store, database_url):
    client = client_with(database_url=database_url)
    ann, ben = add(store, "ann"), add(store, "ben")
    job = client.post("/api/v1/generate", json={"prompt": "a"}, headers=sent(ann)).json["job_id"]
    lists = [client.get("/api/v1/jobs", headers=sent(it)).json["jobs"] for it in (ann, ben)]
    assert [[it["job_id"] for it in found] for found in lists] == [[job], []]
    for method, path in WAYS_TO_JOBS:
        strangers = [client.open(path.format(job), method=method, headers=it).status_code for it in (sent(ben), {})]
        assert strangers == [404, 404]
    own = [client.open(path.format(job), method=method, headers=sent(ann)) for method, path in WAYS_TO_JOBS]
    assert all(it.status_code in (200, 409) for it in own)  # one that is over cannot be cancelled


def test_jobs_of_no_key_are_everybody_s_who_knows_the_id(client_with, store, database_url):
    client, ann = client_with(database_url=database_url), add(store, "ann")
    job = client.post("/api/v1/generate", json={"prompt": "a"}).json["job_id"]
    for headers in (sent(ann), {}, sent(new_key())):
        elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
        answer = client.get(f"/api/v1/status/{job}", headers=headers, environ_overrides=elsewhere)
        assert answer.status_code == 200


def test_the_operator_and_admins_find_the_jobs_of_keys(client_with, store, database_url):
    client = client_with(database_url=database_url, worker_token=OPERATORS_TOKEN)
    ann, boss = add(store, "ann"), add(store, "boss", scopes=("admin",))
    job = client.post("/api/v1/generate", json={"prompt": "a"}, headers=sent(ann)).json["job_id"]
    for headers in (bearer(OPERATORS_TOKEN), sent(boss)):
        assert client.get(f"/api/v1/status/{job}", headers=headers).status_code == 200


def test_it_loads_models_by_a_key_with_the_scope_admin(client_with):
    (boss, first), (ann, second) = declared("boss", scopes=("admin",)), declared("ann")
    client = client_with(api_keys=f"{first},{second}")
    assert code(client, boss, "/v1/models/load", "POST") not in (401, 403)
    assert code(client, ann, "/v1/models/load", "POST") == 403
    assert code(client, new_key(), "/v1/models/load", "POST") == 401
