"""The sizes of the images' layers, as docker, podman and buildah tell of them."""

from local.image_layers import of_history, of_storage, table

HISTORY = """0\tCMD ["gunicorn"]
4600000\tRUN /bin/sh -c apt-get update && apt-get   install -y tini # buildkit
127000000\t/bin/sh -c #(nop) ADD file:abc in /
"""
IMAGE = {
    "history": [
        {"created_by": "/bin/sh"},
        {"created_by": "/bin/sh -c #(nop) ENV PORT=8000", "empty_layer": True},
        {"created_by": "/bin/sh -c useradd api"},
    ],
    "rootfs": {"diff_ids": ["sha256:1", "sha256:2"]},
}


def test_the_history_of_docker_begins_with_the_base():
    assert [size for size, _ in of_history(HISTORY)] == [127_000_000, 4_600_000, 0]


def test_buildah_s_layers_are_those_of_its_storage():
    stored = [{"diff-digest": "sha256:2", "diff-size": 30}, {"diff-digest": "sha256:1", "diff-size": 20}, {"id": "x"}]
    assert of_storage(IMAGE, stored) == [(20, "/bin/sh"), (30, "/bin/sh -c useradd api")]


def test_an_empty_layer_of_buildah_s_has_no_size():
    stored = [{"diff-digest": "sha256:1", "diff-size": 20}, {"diff-digest": "sha256:2"}]
    assert [size for size, _ in of_storage(IMAGE, stored)] == [20, 0]


def test_the_table_has_the_sum_and_each_layer_that_is_not_empty():
    assert table("image-api", of_history(HISTORY)).splitlines() == [
        "image-api: 132 MB",
        "    127.0  ADD file:abc in /",
        "      4.6  apt-get update && apt-get install -y tini # buildkit",
    ]
