"""The use case: return a picture for a client's options, from the cache or from a flight. It knows no Flask."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

from image_api.admission import Admission, Waiter
from image_api.dispatch.base import Dispatch
from image_api.errors import ApiError, DeadlinePassed, InvalidParameter, Stopping
from image_api.generation import results
from image_api.generation.cache import Cache
from image_api.generation.cancellation import Cancellations
from image_api.generation.charged_flights import ChargedFlights
from image_api.generation.flight import Flight, Make
from image_api.generation.older_workers import send_to_any_version
from image_api.generation.options import GenerationOptions, bounded
from image_api.generation.picture_records import PictureRecords
from image_api.generation.process_coalescing import ProcessCoalescing
from image_api.generation.progress_stream import (
    FlightStream,
    GenerationResponse,
    GenerationStream,
    as_hit,
    response_event,
    with_id,
)
from image_api.generation.recipes import UNCACHED_SECONDS, KeptRecipe, RecipeStore
from image_api.generation.regeneration import Regenerations
from image_api.generation.replay import ReplayStore
from image_api.generation.resumption import Resumption
from image_api.generation.single_flight import SingleFlight
from image_api.limits.blocked_prompts import BlockedPrompts
from image_api.limits.errors import BudgetSpent
from image_api.sent_images import SentImage
from image_api.settings import Settings
from render_worker.contract import NO_REQUEST_ID, GenerateRequest, GenerateResult, Progress
from render_worker.serving.deadline import Deadline

DISPATCH_GRACE_SECONDS = 4.0  # the dispatch has a deadline of its own, whose error says more

log = logging.getLogger(__name__)


class Generation:
    """Generates pictures for clients, each within one deadline. Thread-safe."""

    def __init__(
        self,
        dispatch: Dispatch,
        cache: Cache,
        settings: Settings,
        kept_recipe: KeptRecipe = lambda *_: None,
        is_gone: Callable[[str, GenerateResult], bool] = lambda *_: False,
    ) -> None:
        """Ask `kept_recipe` how a lost picture was made if that is not stored here, `is_gone` for a cached one."""
        self._dispatch = dispatch
        self._is_gone = is_gone
        self._blocked = BlockedPrompts(settings.blocked_terms_file)
        self._timeout_seconds = settings.request_timeout_seconds
        seconds = settings.cache_expiration_hours * 3600
        self._results = results.ResultCache(cache, seconds)
        self._recipes = RecipeStore(cache, self._results, seconds, kept_recipe)
        self.records = PictureRecords(cache, seconds or UNCACHED_SECONDS)
        """What the pages of pictures show."""
        self.admission = Admission(settings.max_generations, settings.max_streams_per_client)
        """The slots of all requests that wait here; the maker of a Waiter releases it."""
        processes = ProcessCoalescing(self._results, results.failures(cache))
        self._flights = SingleFlight(processes, self.admission)
        self._charged_flights = ChargedFlights(self._flights)
        self.cancellations = Cancellations(self._flights, dispatch.cancel)
        self._replays = ReplayStore(results.replays(cache))
        self._resumption = Resumption(self._flights, self._replays, self.cancellations, self.admission)
        longest = self._timeout_seconds + 2 * DISPATCH_GRACE_SECONDS
        outcomes = results.regenerations(cache)
        self._regenerations = Regenerations(self._results, self._recipes, outcomes, self.admission, longest)
        self.ending = False
        """Whether this service drains before its stop, so that idle clients are disconnected."""

    def generate(
        self,
        options: GenerationOptions,
        request_id: str,
        waiter: Waiter,
        deadline: Deadline | None = None,
        report: Callable[[Progress], object] | None = None,
        may_be_cached: bool = True,
    ) -> GenerationResponse:
        """Return one picture. Raises an ApiError if there is none. The waiter's slot is released at the end.

        `deadline`: that of a request for several pictures; `self.deadline()` if None. `report` is called with progress;
        without it no previews are asked for. `may_be_cached`: False if `cached` has just returned None.

        Identical requests with a seed, or with `cache_without_seed`, share a result from the cache, or join the flight
        that generates it. Without `cache` the picture is generated anew. With `within` or `prefer` other engines may be
        candidates, or in another order, so no other request's flight is joined.
        """
        content: Progress | GenerationResponse | None = None
        if options.previews and not report:
            options = options.model_copy(update={"previews": False})
        try:
            stream = self._stream if may_be_cached else self._stream_flight
            events = stream(options, request_id, waiter, deadline or self.deadline(), recorded=False)
            for event in self.cancellations.until_response(waiter, events):
                content = event.content
                if report and isinstance(content, Progress):
                    report(content)
        finally:
            self.admission.release(waiter)
        assert isinstance(content, GenerationResponse)  # noqa: S101 - it ends so
        return content

    def follow(self, options: GenerationOptions, request_id: str, waiter: Waiter) -> GenerationStream:
        """Return the same as a stream, recorded for replay.

        The waiter is admitted as soon as there is a flight to wait for. Its maker closes the stream and releases it; it
        may follow one generation after another.
        """
        events = self._stream(options, request_id, waiter, self.deadline(), recorded=True)
        return self.cancellations.until_response(waiter, events)

    def deadline(self) -> Deadline:
        """Return the deadline of a request that begins now."""
        return Deadline.after(self._timeout_seconds)

    def is_cacheable(self, options: GenerationOptions) -> bool:
        """Return whether identical requests share a result."""
        return self._key(options) is not None

    def cached(self, options: GenerationOptions) -> GenerateResult | None:
        """Return the result that the cache has for these options, at no cost; None if `generate` would make one."""
        result = self._cached(options, self._key(options))
        return result and options.as_asked(result)

    def present(self, options: GenerationOptions, request_id: str) -> GenerateResult | None:
        """Return the same as that of a request, unless its host has lost the picture, which it is asked for."""
        key = self._key(options)
        cached = self._cached(options, key)
        if not cached or not key:
            return None
        if not options.opens_picture and self._is_gone(key, cached):
            log.info("%s: making a cached picture anew, its host has lost it", request_id)
            self._results.drop(key)
            return None
        return as_hit(options.as_asked(cached), request_id)

    def at_hand(self, options: GenerationOptions, cached: GenerateResult, request_id: str) -> GenerationResponse | None:
        """Return the response by what `cached` returned if no host has to be asked for the picture; else None.

        It needs no waiter, as nothing of it can be cancelled.
        """
        if not (options.opens_picture or cached.image_url.startswith("/")):
            return None
        return GenerationResponse(as_hit(cached, request_id), "HIT", options.image)

    def require(self, pictures: Sequence[GenerationOptions], waiter: Waiter) -> None:
        """Raise RateLimited or BudgetSpent unless all of these that are not there could be charged now."""
        if waiter.payer:
            not_in_flight = [it for it in pictures if not self._flights.has(self._shared_key(it))]
            if new := self.new_requests(not_in_flight):
                waiter.payer.require(new)

    def new_requests(self, pictures: Iterable[GenerationOptions]) -> list[GenerateRequest]:
        """Return what the render worker would be asked for: a request for each of the pictures that is not cached."""
        return [it.request(NO_REQUEST_ID, self._timeout_seconds) for it in pictures if self.cached(it) is None]

    def keep(self, options: GenerationOptions, result: GenerateResult, seconds: float = math.inf) -> GenerateResult:
        """Cache what was made for these options, for so many seconds at most, and store how; return it as asked for."""
        key, recipe = self._key(options), options.recipe()
        result = with_id(result, NO_REQUEST_ID)  # by its id a request is cancelled: other clients must not have it
        if key:
            self._results.save(key, recipe, result, seconds)
        self._recipes.save(recipe, result, cached=key is not None)
        self.records.save(recipe, result)
        return options.with_own_alt(result)

    def is_repeatable(self, options: GenerationOptions) -> bool:
        """Return whether an identical request gets the same picture: from the cache, or of a flight that it joins."""
        return self.is_cacheable(options) and options.cache and not options.chooses_engine

    def check(self, options: GenerationOptions) -> None:
        """Raise InvalidParameter if the options contradict each other, PromptBlocked as BlockedPrompts.check."""
        if options.chooses_engine and options.model != "auto":
            name = "prefer" if options.within is None else "within"
            raise InvalidParameter(f"{name} only goes with model=auto.")
        self._blocked.check(options.prompt, options.negative_prompt)

    def _cached(self, options: GenerationOptions, key: str | None) -> GenerateResult | None:
        """Return the result of the key. Raises as `check`."""
        self.check(options)
        return self._results.get(key) if key and options.cache else None

    def _stream(
        self, options: GenerationOptions, request_id: str, waiter: Waiter, deadline: Deadline, recorded: bool
    ) -> GenerationStream:
        if cached := self.present(options, request_id):
            yield response_event(request_id, cached, "HIT", options.image)
            return
        yield from self._stream_flight(options, request_id, waiter, deadline, recorded)

    def _key(self, options: GenerationOptions) -> str | None:
        """Return the key of the result in the cache, None if it is not to be cached."""
        cacheable = options.seed >= 0 or options.cache_without_seed
        return options.memoised_key(results.recipe_key) if cacheable and self._results.enabled else None

    def _shared_key(self, options: GenerationOptions) -> str | None:
        """Return the key by which an identical request joins the flight of this one; None if none does."""
        return self._key(options) if options.cache and not options.chooses_engine else None

    def _stream_flight(
        self, options: GenerationOptions, request_id: str, waiter: Waiter, deadline: Deadline, recorded: bool
    ) -> GenerationStream:
        request = cache(partial(options.request, request_id, deadline.remaining))  # once, for its charge and its flight
        make = self._maker(options, request, waiter)
        shared_key = self._shared_key(options)
        start = partial(self._charged_flights.join_or_start, shared_key, request_id, request, make, deadline, waiter)
        while True:
            flight, joined = start()
            if options.image and not joined:
                options.image.hold_until(flight.completed, partial(self._flights.give_up, flight, waiter.client))
            if recorded:
                self._replays.record(flight)
            self.cancellations.follow(waiter, flight)
            try:
                stream = FlightStream(
                    self._flights, flight, waiter, joined, request_id, options.as_asked, previews=options.previews
                )
                yield from stream.events(deadline.later_by(DISPATCH_GRACE_SECONDS))
                return
            except DeadlinePassed:
                # The flight has the deadline of the request that started it, which may be earlier than this one's.
                if not joined or deadline.expired:
                    raise
            except ApiError as error:
                if not joined or error.body().code != BudgetSpent.code:  # of the budget of another client
                    raise

    def _maker(self, options: GenerationOptions, request: Callable[[], GenerateRequest], waiter: Waiter) -> Make:
        """Return what generates the picture of a flight by that request of the options, and keeps it."""

        def make(flight: Flight) -> GenerateResult:
            def send(request: GenerateRequest) -> GenerateResult:
                ways = (flight.report, waiter.client, flight.abort, options.image)
                return self._dispatch.generate(request, *ways, repeated=waiter.repeated)

            its_request = bounded(request(), flight.deadline.remaining, flight.max_price)
            result, seconds = send_to_any_version(send, its_request)
            flight.abort.check()
            return self.keep(options, result, seconds)

        return make

    def resume(self, event_id: str, waiter: Waiter, *, previews: bool = False) -> GenerationStream | None:
        """Return the rest of a stream after an event, None if it had ended. Raises StreamLost if it is not known."""
        return self._resumption.resume(event_id, waiter, previews=previews)

    def regenerate(
        self, address: str, request_id: str, waiter: Waiter, image: SentImage | None = None
    ) -> GenerateResult | None:
        """Return a picture in place of the one at an address, whose file is lost; None if its recipe is not known, or
        begins with another image than the one given.
        """

        def generate(options: GenerationOptions) -> GenerateResult:
            return with_id(self.generate(options, request_id, waiter).result, NO_REQUEST_ID)

        result = self._regenerations.regenerate(address, request_id, waiter, generate, image)
        return result and with_id(result, request_id)

    def can_regenerate(self, address: str, client: str | None) -> bool:
        """Return whether `regenerate` has a recipe for the picture at an address."""
        recipe = self._recipes.recipe_of(address, client)
        return recipe is not None and not recipe.image

    def replacement_of(self, address: str) -> GenerateResult | None:
        """Return the picture that was made in place of the one at an address; None if there is none."""
        return self._recipes.replacement_of(address)

    def forget(self, address: str) -> None:
        """Erase what is stored of the picture at an address, which was deleted: it is not to be returned again."""
        self._recipes.forget(address)
        self.records.forget_at(address)

    def forget_result(self, result: GenerateResult) -> None:
        """Erase what is stored of a picture that was deleted, also if its address does not have its name."""
        self.forget(result.image_url)
        self.records.forget(result)

    def forget_name(self, name: str) -> None:
        """Erase what is stored of the picture of a name, which was deleted from whichever storage had it."""
        record = self.records.get(name)
        if record and record.result:
            self.forget_result(record.result)
        self.forget(f"/images/{name}")

    def stop(self) -> None:
        """Raise Stopping in all requests that wait, and end the dispatch's waits."""
        self._flights.stop(Stopping("This service is being stopped."))  # first, as the next raises other errors
        self._dispatch.stop()
