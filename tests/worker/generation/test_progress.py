"""Progress as it is reported to a request's client."""

import asyncio
import io

import pytest
from PIL import Image

from render_worker.contract import Progress
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import ProgressReporter


@pytest.fixture
def reported() -> list[Progress]:
    return []


def reporter(reported: list[Progress], *seconds: float, **options: bool) -> ProgressReporter:
    latencies = Latencies()
    for one in seconds:
        latencies.add("sketch", one)
    return ProgressReporter("an-id", "sketch", latencies, reported.append, slots=lambda: [4.0, 10.0], **options)


def test_it_works(reported):
    report = reporter(reported, 10)
    report.queued(2)
    report.begin()
    report("verifying")
    report("generating", "Step by step.", percent=50, step=10, total=20)
    assert [line.model_dump(exclude_none=True, exclude={"event", "message"}) for line in reported] == [
        {"phase": "queued", "position": 2, "expected_seconds": 20},
        {"phase": "verifying", "expected_seconds": 10},
        {"phase": "generating", "percent": 50, "step": 10, "total": 20, "expected_seconds": 10},
    ]
    assert reported[0].message == "Waiting for a free place, as number 2 in the queue."
    assert reported[2].message == "Step by step."


def test_without_recent_pictures_no_time_is_expected(reported):
    report = reporter(reported)
    report.queued(1)
    report.begin()
    report("generating")
    assert [line.expected_seconds for line in reported] == [None, None]


def test_repetitions_are_left_out(reported):
    report = reporter(reported, 10)
    report.begin()
    for phase in ("generating", "generating", "downloading", "generating"):
        report(phase)
    assert [line.phase for line in reported] == ["generating", "downloading", "generating"]


def test_a_preview_is_told_with_the_time_that_its_step_was(reported):
    report = reporter(reported, 60, wants_previews=True)
    report.begin()
    report("generating", percent=50, expected_seconds=2)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    asyncio.run(report.preview(file.getvalue()))
    assert [(bool(line.preview), line.expected_seconds) for line in reported] == [(False, 2), (True, 2)]
