"""NSFW: what becomes of a picture that its engine flags, and of one of which it says nothing."""

import pytest

from render_worker.budgets.budgets import Budgets
from render_worker.budgets.file_ledger import FileLedger
from render_worker.generation.errors import NsfwRefused
from tests.fakes.played import Played, ask, pipelines, refused


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


@pytest.mark.parametrize("opinion", [True, False, None])
@pytest.mark.parametrize("nsfw", ["allow", "flag"])
def test_an_opinion_is_returned_with_the_picture(pipeline_of, nsfw, opinion):
    result, _ = ask(pipeline_of(Played("one", nsfw=opinion), nsfw=nsfw))
    assert result.nsfw is opinion


@pytest.mark.parametrize("opinion", [False, None])
def test_what_is_not_flagged_is_never_refused(pipeline_of, opinion):
    result, _ = ask(pipeline_of(Played("one", nsfw=opinion), nsfw="refuse"))
    assert result.nsfw is opinion


@pytest.mark.parametrize("model", ["auto", "one"])
def test_a_flagged_picture_is_refused_and_neither_stored_nor_asked_for_elsewhere(pipeline_of, tmp_path, model):
    second = Played("two")
    pipeline = pipeline_of(Played("one", nsfw=True), second, nsfw="refuse")
    error = refused(pipeline, NsfwRefused, model=model)
    assert (error.status, error.code, error.body().success) == (422, "nsfw_refused", False)
    assert second.recipes == []
    assert not list((tmp_path / "images").glob("*.png"))


def test_refusals_open_no_circuit_breaker(pipeline_of):
    pipeline = pipeline_of(Played("one", nsfw=True), failures=1, nsfw="refuse")
    for _ in range(3):
        refused(pipeline, NsfwRefused)
    assert pipeline.selector.health("one").breaker == "closed"


def test_a_refused_picture_is_paid_all_the_same(pipeline_of, tmp_path):
    budgets = Budgets({"one": 1_000_000}, FileLedger(tmp_path / "budgets"))
    pipeline = pipeline_of(Played("one", nsfw=True, price=0.25), budgets=budgets, nsfw="refuse")
    refused(pipeline, NsfwRefused)
    assert pipeline.selector.health("one").details["spent_today"] == "$0.25"


@pytest.mark.parametrize(("nsfw", "shown"), [("allow", True), ("flag", True), ("refuse", False)])
def test_unfinished_pictures_are_not_shown_before_they_are_classified(pipeline_of, nsfw, shown):
    class Asking(Played):
        async def generate(self, recipe, report):
            self.wanted = report.wants_previews
            return await super().generate(recipe, report)

    one = Asking("one")
    ask(pipeline_of(one, nsfw=nsfw), previews=True)
    assert one.wanted is shown
