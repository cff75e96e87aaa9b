"""PROJECT_NAME: the title of the pages and of /openapi.json."""

import pytest

from image_api.application import create_app
from image_api.settings import Settings

PAGE = {"Accept": "text/html"}
BOT = {"User-Agent": "Twitterbot/1.0"}


def client(**settings: object):
    """Return a client of an application with these settings."""
    return create_app(Settings(perchance_worker_url="http://127.0.0.1:9", **settings)).test_client()


@pytest.mark.parametrize(
    ("name", "document", "app"),
    [
        (None, "Image Generation API", "Make a picture"),
        ("", "Image Generation API", "Make a picture"),
        ("  ", "Image Generation API", "Make a picture"),
        ("Media Generation Service", "Media Generation Service", "Media Generation Service"),
    ],
)
def test_the_document_and_the_pages_have_it_as_their_title(monkeypatch, name, document, app):
    monkeypatch.delenv("PROJECT_NAME", raising=False)
    if name is not None:
        monkeypatch.setenv("PROJECT_NAME", name)
    ours = client()
    assert ours.get("/openapi.json").json["info"]["title"] == document
    for path in ("/docs", "/redoc"):
        assert f"<title>{document}</title>" in ours.get(path, headers=PAGE).text
    front = ours.get("/", headers=PAGE).text
    assert f"<title>{app}</title>" in front
    assert f"<h1>{app}</h1>" in front
    assert ours.get("/manifest.webmanifest").get_json(force=True)["name"] == app
    assert f'<meta property="og:title" content="{document}">' in ours.get("/", headers=BOT).text


def test_it_is_a_text_and_no_markup():
    ours = client(project_name='<script>alert(1)</script> & "co"')
    for path in ("/", "/docs"):
        page = ours.get(path, headers=PAGE).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;co&#34;" in page


def test_one_application_s_name_is_not_another_s():
    first, second = client(project_name="One"), client()
    for _ in range(2):
        assert "<title>One</title>" in first.get("/", headers=PAGE).text
        assert "<title>Make a picture</title>" in second.get("/", headers=PAGE).text
