"""How soon what a queue carried was final, and sent again after its Celery worker ended: by the ledger and the rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from tests.chaos.clients import Clients, Submitted
from tests.chaos.row_watch import RowWatch
from tests.chaos.stage import Stage
from tests.fakes.image_service import Entry

FINAL_SECONDS = 2.0
"""Within which a row is final after its last picture was made, or after what was down was up again."""
AGAIN_SECONDS = 10.0
"""Within which what a Celery worker left is sent again."""
WORK = {"made", "failed", "refused"}


@dataclass(frozen=True)
class Promptness:
    """The seconds that each took, sorted."""

    final: list[float]
    again: list[float]

    def problems(self) -> Iterator[str]:
        """Yield what took too long."""
        if late := [it for it in self.final if it > FINAL_SECONDS]:
            yield f"{len(late)} rows were not final within {FINAL_SECONDS:g} s: {late[-1]:.1f} s"
        if late := [it for it in self.again if it > AGAIN_SECONDS]:
            yield f"{len(late)} jobs were not sent again within {AGAIN_SECONDS:g} s: {late[-1]:.1f} s"

    def __str__(self) -> str:
        told = [f"row final after {self.final[len(self.final) // 2]:.2f} s, at most {self.final[-1]:.2f}"]
        if self.again:
            told.append(f"{len(self.again)} jobs of ended workers sent again after at most {self.again[-1]:.1f} s")
        return "; ".join(told)


def measured(stage: Stage, clients: Clients, watch: RowWatch) -> Promptness:
    """Return how soon a scene's jobs were final, and sent again."""
    entries: dict[str, list[Entry]] = {}
    for entry in stage.service.entries():
        entries.setdefault(entry.prompt, []).append(entry)
    jobs = [job for job in clients.accepted if job.finals and job.finals[0]["status"] != "canceled"]
    final = [it for job in jobs for it in _until_final(stage, watch, job, entries.get(job.body["prompt"], []))]
    again = [it for job in jobs for it in _until_again(stage, watch, job, entries.get(job.body["prompt"], []))]
    return Promptness(sorted(final), sorted(again))


def _until_final(stage: Stage, watch: RowWatch, job: Submitted, entries: list[Entry]) -> Iterator[float]:
    final = watch.final[UUID(job.id)]
    if done := [it.at for it in entries if it.event in WORK and it.at <= final]:
        yield max(0.0, final - _up_after(stage, max(done), FINAL_SECONDS))


def _until_again(stage: Stage, watch: RowWatch, job: Submitted, entries: list[Entry]) -> Iterator[float]:
    """Yield for each end of a Celery worker that made a picture of a job how soon it was sent again, or was final."""
    key = UUID(job.id)
    for end in sorted(
        end for worker in stage.celery_workers for end in _interrupting(entries, worker.name, worker.ends)
    ):
        sent = (it for it in (*watch.published.get(key, ()), watch.final[key]) if it > end)
        yield max(0.0, min(sent) - _up_after(stage, end, AGAIN_SECONDS))


def _interrupting(entries: list[Entry], name: str, ends: list[float]) -> list[float]:
    """Return the ends of a Celery worker at which it made a picture of these entries."""
    done = {it.number: it.at for it in entries if it.event in WORK}
    begun = [it for it in entries if it.event == "begun" and it.client == name]
    lives = [next((end for end in ends if end > it.at), None) for it in begun]
    return [end for it, end in zip(begun, lives, strict=True) if end and done.get(it.number, end) >= end]


def _up_after(stage: Stage, moment: float, within: float) -> float:
    """Return the first moment from `moment` on that no outage follows `within` so many seconds."""
    for outage in sorted(stage.outages, key=lambda it: it.since):
        if outage.since <= moment + within:
            moment = max(moment, outage.until)
    return moment
