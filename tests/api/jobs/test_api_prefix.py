"""API_V1_PREFIX: where it may be, and what is refused at start."""

import pytest

from image_api.application import create_app
from image_api.job_settings import TAKEN
from image_api.settings import Settings, load


@pytest.mark.parametrize("prefix", ["/api/v1", "/jobs", "/api", "/a/b/c", "/v2", "/API_1.0~x-y", "/Generate"])
def test_a_path_that_is_free_may_be_it(monkeypatch, prefix):
    monkeypatch.setenv("API_V1_PREFIX", f" {prefix} ")
    assert load().api_v1_prefix == prefix


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_one_counts_as_unset(monkeypatch, value):
    monkeypatch.setenv("API_V1_PREFIX", value)
    assert load().api_v1_prefix == "/api/v1"


@pytest.mark.parametrize(
    "prefix",
    [
        *("/", "api/v1", "/api/v1/", "//", "/api//v1", "/api/../v1", "/.", "/api v1", "/api/<id>", "/api?x", "/api#x"),
        *("/%61", "/äpi", "/api\nx", "http://host/api", "/" + 100 * "a"),
    ],
)
def test_what_is_no_plain_path_is_refused(monkeypatch, prefix):
    monkeypatch.setenv("API_V1_PREFIX", prefix)
    with pytest.raises(SystemExit, match=r"^API_V1_PREFIX cannot be used: "):
        load()


@pytest.mark.parametrize("prefix", ["/generate", "/v1", "/v1/jobs", "/images", "/p", "/status", "/static/x"])
def test_a_path_of_another_route_is_refused_by_its_name(monkeypatch, prefix):
    monkeypatch.setenv("API_V1_PREFIX", prefix)
    with pytest.raises(SystemExit, match=f"other routes of this service begin with /{prefix.split('/')[1]};"):
        load()


def test_every_other_route_is_known():
    app = create_app(Settings(perchance_worker_url="http://127.0.0.1:9", api_v1_prefix="/a-free-one"))
    firsts = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()} - {"", "a-free-one"}
    firsts -= {"api"}  # txt2img's other addresses, none of which is that of a job whatever the prefix is
    assert {first for first in firsts if "<" not in first} == TAKEN
