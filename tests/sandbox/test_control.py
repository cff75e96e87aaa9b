"""Which origins may change the scenario."""

import pytest

from sandbox.app import create_app


@pytest.fixture
def client():
    return create_app().test_client()


def test_programs_and_its_own_pages_may(client):
    assert client.post("/sandbox", json={}, base_url="http://localhost:8002").status_code == 200
    own = {"Origin": "http://localhost:8002"}
    assert client.post("/sandbox", json={}, base_url="http://localhost:8002", headers=own).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "null", ""])
@pytest.mark.parametrize("path", ["/sandbox", "/sandbox/reset", "/sandbox/expire"])
def test_another_site_s_page_may_not(client, path, origin):
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    assert client.post(path, data="{}", base_url="http://localhost:8002", headers=headers).status_code == 403
