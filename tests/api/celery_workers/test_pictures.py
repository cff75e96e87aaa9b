"""Pictures and their recipes, if Celery workers make them: render workers serve those of a shared folder."""

import pytest

from image_api.services import services_of
from tests.api.conftest import NAME, PICTURE
from tests.api.test_picture_pages import BROWSER

IMAGE = f"/images/{NAME}"
PAGE = f"/p/{NAME}"


class TestWithoutRenderWorkers:
    @pytest.mark.parametrize("method", ["get", "head"])
    def test_a_picture_that_is_nowhere_is_404(self, client, reporting, method):
        reporting.report("a@host")
        assert getattr(client, method)(IMAGE).status_code == 404

    @pytest.mark.parametrize("path", [PAGE, f"/p/{'b' * 64}.webp"])
    def test_so_is_its_page(self, client, reporting, path):
        reporting.report("a@host")
        found = client.get(path, headers=BROWSER)
        assert (found.status_code, found.mimetype) == (404, "text/html")

    def test_in_a_folder_that_nothing_serves_it_is_an_error_of_the_operator_s(self, client, reporting):
        reporting.report("a@host", health_storage="local")
        found = client.get(IMAGE)
        assert (found.status_code, found.json["code"]) == (503, "worker_not_configured")
        assert "PERCHANCE_WORKER_URL is not set" in found.json["error"]

    def test_it_is_404_as_well_while_redis_is_down(self, queued):
        assert queued(redis_url="redis://127.0.0.1:9/0").get(IMAGE).status_code == 404

    def test_nothing_deletes_one_by_a_request(self, queued):
        client = queued(worker_token="a-token")
        found = client.delete(IMAGE, headers={"Authorization": "Bearer a-token"})
        assert (found.status_code, found.json["code"]) == (409, "deletion_unsupported")


class TestWithRenderWorkers:
    @pytest.fixture
    def client(self, queued, worker, reporting):
        worker.say_to("/images/", 200, PICTURE)
        worker.say_to("/recipes/", 404, {"error": "x", "code": "not_found"})
        reporting.report("a@host", health_storage="local")
        return queued(perchance_worker_url=worker.url)

    def test_they_are_served(self, client, worker):
        found = client.get(IMAGE)
        assert (found.status_code, found.data) == (200, PICTURE)
        assert {it[1] for it in worker.requests} == {IMAGE}

    def test_so_they_are_if_redis_is_down(self, client, queued, worker):
        client = queued(redis_url="redis://127.0.0.1:9/0", perchance_worker_url=worker.url)
        assert client.get(IMAGE).data == PICTURE

    def test_what_the_operator_deleted_stays_deleted(self, client, worker):
        worker.say_to("/images/", 410, {"error": "x", "code": "picture_deleted"})
        assert client.get(IMAGE).status_code == 410

    def test_recipes_are_asked_of_them(self, client, worker):
        services_of(client.application).worker.kept_recipe(IMAGE)
        assert [it[1] for it in worker.requests] == [f"/recipes/{NAME}"]

    def test_they_count_as_awake_for_what_is_about_pictures(self, client):
        found = services_of(client.application).worker
        assert not found.is_awake
        client.get(IMAGE)
        assert found.is_awake

    def test_they_are_deleted_there(self, queued, worker):
        worker.say_to("/images/", 204, b"")
        client = queued(perchance_worker_url=worker.url, worker_token="a-token")
        assert client.delete(IMAGE, headers={"Authorization": "Bearer a-token"}).status_code == 204
        assert [it[:2] for it in worker.requests] == [("DELETE", IMAGE)]
