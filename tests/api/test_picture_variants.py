"""A stored picture in other formats: encoded once, cached, gone with it, and never instead of an answer."""

import io
import threading

import pytest
from PIL import Image

from image_api.errors import PictureUnavailable
from image_api.native_thread import NativeThread
from image_api.picture_formats import Variant
from image_api.picture_variants import PictureVariants
from render_worker.contract import GenerateResult
from tests.api.conftest import NAME, RESULT
from tests.api.pictures import opened, stored

AVIF, WEBP, JPEG, PNG = "image/avif", "image/webp", "image/jpeg", "image/png"
SEEDED = "/generate?prompt=a+tree&seed=7&output_format=auto"
AS_IMAGE = f"{SEEDED}&format=image"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
IMG = {"Sec-Fetch-Dest": "image"}


class Content(list[bytes]):
    """The chunks of a picture that is opened."""

    def close(self) -> None:
        pass


def test_one_recipe_is_cached_and_each_variant_made_once(client, worker, keeps, monkeypatch):
    keeps(JPEG)
    first = client.get(SEEDED, headers=IMG | {"Accept": CHROME})
    reads = [path for _, path, _, _ in worker.requests].count(f"/images/{NAME}")
    again = client.get(SEEDED, headers=IMG | {"Accept": CHROME})
    other = client.get(AS_IMAGE, headers={"Accept": "image/webp"})
    assert [it.headers["X-Cache"] for it in (first, again, other)] == ["MISS", "HIT", "HIT"]
    assert (first.data == again.data, other.mimetype, reads) == (True, WEBP, 1)
    requests = [(method, path) for method, path, _, _ in worker.requests]
    assert requests.count(("GET", f"/images/{NAME}")) == 2  # one for each variant
    assert len(worker.asked_to_make()) == 1


def test_clients_at_the_same_time_share_an_encoding(client, worker, keeps):
    keeps(PNG)
    client.get(SEEDED)
    answers = []

    def ask() -> None:
        answers.append(client.application.test_client().get(SEEDED, headers={"Accept": "image/avif"}).data)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert [(method, path) for method, path, _, _ in worker.requests].count(("GET", f"/images/{NAME}")) == 1


def test_a_host_that_hangs_keeps_only_its_own_picture_waiting():
    variants, hangs, reached = PictureVariants(NativeThread()), threading.Event(), threading.Event()

    def slow() -> Content:
        reached.set()
        hangs.wait(30)
        raise PictureUnavailable("The host does not answer.")

    first, second = (GenerateResult(**{**RESULT, "image_url": f"/images/{letter * 64}.png"}) for letter in "ab")
    waiting = threading.Thread(target=variants.make, args=(first, Variant(WEBP), slow), kwargs={"kept": True})
    waiting.start()
    reached.wait(30)
    made = variants.make(second, Variant(WEBP), lambda: Content([stored(PNG)]), kept=True)
    assert (made[8:12], waiting.is_alive()) == (b"WEBP", True)
    hangs.set()
    waiting.join()


def test_a_reload_costs_a_header(client, keeps):
    keeps(JPEG)
    answer = client.get(SEEDED, headers={"Accept": CHROME})
    assert answer.headers["Cache-Control"] == "no-cache"
    same = {"If-None-Match": answer.headers["ETag"]}
    again = client.get(SEEDED, headers={"Accept": CHROME, **same})
    assert (again.status_code, again.data, again.headers["Vary"]) == (304, b"", "Accept, Sec-Fetch-Dest")
    assert client.get(SEEDED, headers={"Accept": "image/webp", **same}).status_code == 200


def test_a_random_picture_is_not_kept(client, keeps):
    keeps(JPEG)
    answer = client.get("/generate?prompt=a&output_format=auto", headers={"Accept": CHROME})
    assert (answer.mimetype, answer.headers["Cache-Control"]) == (AVIF, "no-store")
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("data", [b"no picture", stored(JPEG)[:200], stored(PNG)[:-40], b"GIF89a" + bytes(20)])
def test_what_cannot_be_encoded_comes_as_it_is_stored(client, worker, keeps, data):
    keeps(JPEG, data)
    for _ in range(2):
        answer = client.get(AS_IMAGE, headers={"Accept": CHROME})
        assert (answer.status_code, answer.mimetype, answer.data) == (200, JPEG, data)
        assert client.get(SEEDED, headers={"Accept": CHROME}).status_code == 302
    assert client.head(AS_IMAGE, headers={"Accept": CHROME}).mimetype == JPEG
    reads = [(method, path) for method, path, _, _ in worker.requests].count(("GET", f"/images/{NAME}"))
    assert reads == 3  # once to be encoded, and twice as it is


def test_a_picture_of_too_many_pixels_is_no_avif(client, keeps):
    keeps(PNG, width=4096, height=4096)
    assert client.get(AS_IMAGE, headers={"Accept": CHROME}).mimetype == WEBP
    keeps(PNG, width=4096, height=4208)
    path = AS_IMAGE.replace("seed=7", "seed=8")
    assert client.get(path, headers={"Accept": CHROME}).mimetype == PNG
    bomb = io.BytesIO()
    Image.new("L", (4096, 4208)).save(bomb, "PNG")
    data = keeps(PNG, bomb.getvalue())  # whatever the worker said
    assert client.get(path.replace("8", "9"), headers={"Accept": CHROME}).data == data


def test_what_would_be_large_comes_as_it_is_stored_and_is_not_encoded_again(client, worker, keeps, monkeypatch):
    monkeypatch.setattr("image_api.picture_variants.MAX_BYTES", 100)
    data = keeps(JPEG)
    for _ in range(2):
        answer = client.get(AS_IMAGE, headers={"Accept": "image/webp"})
        assert (answer.mimetype, answer.data) == (JPEG, data)
    reads = [(method, path) for method, path, _, _ in worker.requests].count(("GET", f"/images/{NAME}"))
    assert reads == 3  # once to be encoded, and twice as it is
    keeps(JPEG, width=4096, height=4096)
    path = AS_IMAGE.replace("seed=7", "seed=8")
    assert client.get(path, headers={"Accept": "image/png"}).mimetype == JPEG  # whose PNG would be huge


def test_what_is_transparent_stays_so_and_is_white_in_a_jpeg(client, keeps):
    keeps(PNG, stored(PNG, "RGBA"))
    for accept in ("image/avif", "image/webp"):
        image = opened(client.get(AS_IMAGE, headers={"Accept": accept}))
        assert (image.mode, image.getpixel((9, 9))[3]) == ("RGBA", 0)
    image = opened(client.get(AS_IMAGE, headers={"Accept": "image/jpeg"}))
    assert (image.mode, image.getpixel((9, 9))) == ("RGB", (255, 255, 255))


def test_output_compression_is_the_quality_of_each(client, keeps):
    noise = io.BytesIO()
    Image.effect_noise((64, 48), 90).convert("RGB").save(noise, "PNG")
    keeps(PNG, noise.getvalue())
    for accept in (AVIF, WEBP, JPEG):
        sizes = [
            len(client.get(f"{AS_IMAGE}&output_compression={quality}", headers={"Accept": accept}).data)
            for quality in (5, 95)
        ]
        assert sizes[0] * 2 < sizes[1]


def test_every_quality_is_of_the_one_stored_picture(client, worker, keeps):
    keeps(JPEG)
    stored_bytes = client.get(AS_IMAGE, headers={"Accept": JPEG}).data
    sizes = [
        len(client.get(f"{AS_IMAGE}&output_compression={quality}", headers={"Accept": accept}).data)
        for accept in (WEBP, JPEG)
        for quality in (5, 95)
    ]
    assert sizes[0] < sizes[1]
    assert sizes[2] < sizes[3] != len(stored_bytes)
    (asked,) = worker.asked_to_make()
    assert "output_compression" not in asked


def test_a_deleted_picture_is_gone_in_every_format(client, worker, keeps):
    keeps(JPEG)
    assert client.get(SEEDED, headers={"Accept": CHROME}).status_code == 200
    deleted = {"success": False, "error": "This picture was deleted by the operator.", "code": "picture_deleted"}
    worker.say_to("/images/", 410, deleted)
    answer = client.get(SEEDED, headers={"Accept": CHROME})
    assert (answer.status_code, answer.json["code"]) == (410, "picture_deleted")
    assert client.get(SEEDED).headers["X-Cache"] == "MISS"


def test_a_lost_picture_heals(client, worker, keeps):
    keeps(JPEG)
    client.get(SEEDED)
    another = "b" * 64 + ".jpg"
    worker.say_to("/generate", 200, {**RESULT, "content_type": JPEG, "image_url": f"/images/{another}"})
    worker.say_to("/images/", 404, b"{}")
    worker.say_to(f"/images/{another}", 200, stored(JPEG))
    assert client.get(AS_IMAGE, headers={"Accept": CHROME}).status_code == 200
    answer = client.get(AS_IMAGE, headers={"Accept": CHROME})
    assert (answer.mimetype, answer.headers["Content-Location"]) == (AVIF, f"http://localhost/images/{another}")
    assert len(worker.asked_to_make()) == 2


def test_a_variant_outlives_the_worker_s_sleep(client_with, worker, keeps):
    keeps(JPEG)
    client = client_with(worker_wake_seconds=0)
    first = client.get(SEEDED, headers={"Accept": CHROME})
    worker.close()
    again = client.get(SEEDED, headers={"Accept": CHROME})
    assert (again.status_code, again.data, again.headers["X-Cache"]) == (200, first.data, "HIT")


def test_an_older_worker_makes_a_png(client, worker, keeps):
    keeps(PNG)
    refusal = {
        "success": False,
        "error": "output_format must be one of png, jpeg, webp.",
        "code": "invalid_parameter",
    }
    made = {**RESULT, "width": 64, "height": 48}
    worker.say_to("/generate", 400, refusal, before=lambda: worker.say_to("/generate", 200, made))
    answer = client.get(f"{AS_IMAGE}&output_compression=50", headers={"Accept": CHROME})
    assert (answer.status_code, answer.mimetype, opened(answer).size) == (200, AVIF, (64, 48))
    assert [it["output_format"] for it in worker.asked_to_make()] == ["auto", "png"]
    assert "output_compression" not in worker.asked_to_make()[1]
    assert client.get(f"{SEEDED}&output_compression=50").headers["X-Cache"] == "HIT"
