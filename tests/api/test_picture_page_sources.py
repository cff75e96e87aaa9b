"""Pages of pictures that this tier does not have: at a storage outside, at the worker alone, or while that sleeps."""

from datetime import UTC, datetime, timedelta

import pytest
from requests.adapters import HTTPAdapter

from image_api.services import services_of
from tests.api.conftest import NAME, RESULT
from tests.api.pictures import stored
from tests.api.test_picture_pages import BROWSER, DELETED, JSON, OTHER, PAGE, asked, link_to_form
from tests.api.test_preview_bots import SLACK, Tags

OUTSIDE = "https://i.storage.example/abc.png"
RECIPE = {"prompt": "a tree", "seed": 9, "shape": "landscape", "negative_prompt": "people"}
BLUR = {"blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "dominant_color": "#a1b2c3"}


class TestStorageOutside:
    @pytest.fixture
    def outside(self, client, worker):
        worker.say(200, {**RESULT, **BLUR, "image_url": OUTSIDE, "storage": "imgur"})
        worker.say_to("/images/", 404, b"{}")
        client.get("/generate?prompt=a+tree&seed=7")
        worker.requests.clear()
        return client

    def test_the_browser_loads_it_and_this_service_does_not(self, outside, worker, monkeypatch):
        monkeypatch.setattr("requests.adapters.HTTPAdapter.send", refuse_all_but(worker.url))
        answer = outside.get(PAGE, headers=BROWSER)
        assert f'src="{OUTSIDE}"' in answer.text
        assert Tags(answer.text).meta["og:image"] == OUTSIDE
        assert 'data-ground="#a1b2c3"' in answer.text
        assert Tags(answer.text).meta["theme-color"] == "#a1b2c3"
        assert {method for method, _ in asked(worker)} <= {"HEAD"}

    def test_one_that_was_deleted_is_gone_here_too(self, outside, worker):
        worker.say_to("/images/", 410, DELETED)
        assert outside.get(PAGE, headers=BROWSER).status_code == 410
        assert services_of(outside.application).generation.records.get(NAME) is None

    def test_what_replaced_it_is_shown(self, outside, worker):
        services = services_of(outside.application)
        new = services.generation.records.get(NAME).result.model_copy(update={"image_url": f"/images/{OTHER}.png"})
        services.generation._recipes.replace(OUTSIDE, new)
        assert f'src="../images/{OTHER}.png"' in outside.get(PAGE, headers=BROWSER).text

    @pytest.mark.parametrize("left", [-1, -1000, "no moment"])
    def test_one_with_an_expired_link_is_not_shown_as_if_it_were_there(self, client, worker, left):
        at = left if isinstance(left, str) else (datetime.now(UTC) + timedelta(seconds=left)).isoformat()
        worker.say(200, {**RESULT, "image_url": OUTSIDE, "expires_at": at})
        client.get("/generate?prompt=a+tree")
        answer = client.get(PAGE, headers=BROWSER)
        assert answer.status_code == 404
        assert OUTSIDE not in answer.text
        assert "og:image" not in Tags(answer.text).meta
        assert "has expired" in answer.text
        assert link_to_form(answer.text)["prompt"] == ["a tree"]
        assert client.get(PAGE, headers=JSON).status_code == 404

    def test_one_whose_link_is_valid_is_shown(self, client, worker):
        at = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
        worker.say(200, {**RESULT, "image_url": f"{OUTSIDE}?sig=a&b=c", "expires_at": at})
        client.get("/generate?prompt=a+tree")
        assert f'src="{OUTSIDE}?sig=a&amp;b=c"' in client.get(PAGE, headers=BROWSER).text


def refuse_all_but(url: str):
    send = HTTPAdapter.send

    def guarded(self, request, *arguments, **named):
        assert request.url.startswith(url), f"asked {request.url}"
        return send(self, request, *arguments, **named)

    return guarded


class TestKeptByWorker:
    @pytest.fixture
    def kept(self, client, worker):
        worker.say_to("/recipes/", 200, RECIPE)
        worker.say_to("/images/", 200, stored())
        return client

    def test_its_recipe_and_the_size_of_its_file_are_shown(self, kept, worker):
        answer = kept.get(PAGE, headers=BROWSER)
        assert answer.status_code == 200
        meta = Tags(answer.text).meta
        assert meta["og:title"] == "a tree"
        assert (meta["og:image:width"], meta["og:image:height"]) == ("64", "48")
        assert link_to_form(answer.text) == {
            "prompt": ["a tree"],
            "seed": ["9"],
            "shape": ["landscape"],
            "negative_prompt": ["people"],
        }
        assert worker.asked_to_make() == []

    def test_a_file_without_a_recipe_is_shown(self, kept, worker):
        worker.say_to("/recipes/", 404, b"{}")
        answer = kept.get(PAGE, headers=BROWSER)
        assert (answer.status_code, "A picture" in answer.text) == (200, True)

    def test_a_file_of_nonsense_has_no_size(self, kept, worker):
        worker.say_to("/images/", 200, b"nonsense")
        assert "og:image:width" not in Tags(kept.get(PAGE, headers=BROWSER).text).meta

    def test_a_lost_one_is_made_again_by_the_browser_and_by_no_bot(self, kept, worker):
        worker.say_to("/images/", 404, b"{}")
        for headers in (BROWSER, SLACK):
            answer = kept.get(PAGE, headers=headers)
            assert (answer.status_code, f'src="../images/{NAME}"' in answer.text) == (200, True)
            assert "og:image" not in Tags(answer.text).meta
        assert worker.asked_to_make() == []

    def test_a_lost_edit_is_gone(self, kept, worker):
        worker.say_to("/recipes/", 200, {**RECIPE, "image": "c" * 64})
        worker.say_to("/images/", 404, b"{}")
        assert kept.get(PAGE, headers=BROWSER).status_code == 404

    def test_a_deleted_one_is_gone(self, kept, worker):
        worker.say_to("/recipes/", 404, b"{}")
        worker.say_to("/images/", 410, DELETED)
        answer = kept.get(PAGE, headers=BROWSER)
        assert (answer.status_code, "deleted by the operator" in answer.text) == (410, True)
        assert kept.get(PAGE, headers=JSON).json["code"] == "picture_deleted"


class TestAsleep:
    """A worker out of reach: a bot wakes none, and a person waits on a page."""

    @pytest.fixture
    def asleep(self, client_with):
        return client_with(perchance_worker_url="http://127.0.0.1:9", worker_wake_seconds=30)

    def is_woken(self, client) -> bool:
        return services_of(client.application).worker.cold_start.in_progress

    @pytest.mark.parametrize(
        "headers", [SLACK, {**BROWSER, "Sec-Purpose": "prefetch"}, {**BROWSER, "Purpose": "prefetch"}], ids=str
    )
    def test_no_bot_and_no_prefetch_wakes_it(self, asleep, headers):
        assert asleep.get(PAGE, headers=headers).status_code == 503
        assert not self.is_woken(asleep)

    def test_nor_does_a_head(self, asleep):
        assert asleep.head(PAGE, headers=BROWSER).status_code == 503
        assert not self.is_woken(asleep)

    def test_a_person_is_told_and_the_page_looks_again(self, asleep):
        answer = asleep.get(PAGE, headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert int(answer.headers["Refresh"]) > 0
        assert int(answer.headers["Retry-After"]) > 0
        assert "waking up" in answer.text
        assert self.is_woken(asleep)

    def test_a_known_picture_needs_no_worker(self, client, worker):
        client.get("/generate?prompt=a+tree")
        worker.close()
        contact = services_of(client.application).worker.recent
        contact.note(reached=False)
        for headers in (BROWSER, SLACK):
            assert client.get(PAGE, headers=headers).status_code == 200
        assert not self.is_woken(client)
