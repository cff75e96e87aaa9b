"""The reader of news and progress: whom it tells what, whatever becomes of Redis."""

import threading
import time

from image_api.dispatch.queued.news_reader import NewsReader
from image_api.outbound.redis_clients import blocking_client
from render_worker.contract import NEWS, NEWS_FIELD, QueueNews
from tests.fakes.processes import wait_until


def tell(server, request_id: str, event: str = "begun") -> None:
    news = QueueNews(event=event, id=request_id, attempt=1)
    server.client.xadd(NEWS, {NEWS_FIELD: news.model_dump_json()})


def reader_of(server) -> tuple[NewsReader, list[str]]:
    reader, told = NewsReader(blocking_client(server.url)), []
    reader.follow("mine", lambda it: told.append(it.event))
    return reader, told


def test_a_follower_is_told_of_its_request_alone_and_a_listener_of_all(redis):
    tell(redis, "mine", "returned")  # before there is a follower
    reader, told = reader_of(redis)
    every: list[str] = []
    reader.listen(lambda it: every.append(it.id))
    for request_id in ("other", "mine", "other"):
        tell(redis, request_id)
    wait_until(lambda: len(every) == 3, "the news")
    assert (told, every) == (["begun"], ["other", "mine", "other"])
    reader.leave("mine")
    tell(redis, "mine")
    wait_until(lambda: len(every) == 4, "the news")
    assert told == ["begun"]
    reader.stop()


def test_what_cannot_be_read_and_what_a_listener_does_wrong_take_nothing_from_the_others(redis, caplog):
    reader, told = reader_of(redis)
    reader.listen(lambda _: 1 / 0)
    redis.client.xadd(NEWS, {NEWS_FIELD: b"\xff{"})
    redis.client.xadd(NEWS, {"another": "field"})
    tell(redis, "mine")
    wait_until(lambda: told == ["begun"], "the news")
    wait_until(lambda: "ZeroDivisionError" in caplog.text, "the log")
    assert "not one that this version understands" in caplog.text
    reader.stop()


def test_the_news_come_again_after_redis_was_away(own_redis):
    reader, told = reader_of(own_redis)
    own_redis.stop()
    own_redis.start()
    tell(own_redis, "mine")
    wait_until(lambda: told == ["begun"], "the news after a restart")
    own_redis.client.flushall()
    tell(own_redis, "mine", "ended")
    wait_until(lambda: told == ["begun", "ended"], "the news after a flush")
    reader.stop()


def test_a_redis_whose_clock_is_behind_is_read_from_its_beginning(own_redis):
    own_redis.client.xadd(NEWS, {"a": "b"}, id="9999999999999-0")
    reader, told = reader_of(own_redis)
    time.sleep(0.1)
    own_redis.stop()
    own_redis.start()
    wait_until(lambda: not reader._is_new and not reader._is_away, "the reader")
    tell(own_redis, "mine")
    wait_until(lambda: told == ["begun"], "the news")
    reader.stop()


def test_a_connection_that_is_cut_loses_no_news(redis):
    reader, told = reader_of(redis)
    for _ in range(5):
        redis.client.client_kill_filter(_type="normal", skipme=True)
        tell(redis, "mine")
    wait_until(lambda: len(told) == 5, "all news")
    reader.stop()


def test_a_reader_without_redis_keeps_its_follower_waiting_for_a_second_at_most(own_redis):
    own_redis.stop()
    begun = time.monotonic()
    reader, _ = reader_of(own_redis)
    assert time.monotonic() - begun < 5
    reader.stop()
    own_redis.start()


def test_all_followers_share_one_thread(redis):
    reader, _ = reader_of(redis)
    for number in range(50):
        reader.follow(str(number), print)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("queue-news") <= 8  # those of other tests end within seconds
    reader.stop()
