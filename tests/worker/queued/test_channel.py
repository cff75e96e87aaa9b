"""Closing the connection to a broker that has gone, as Celery does."""

from kombu import Queue
from kombu.simple import SimpleQueue

from render_worker.queued.celery_app import build_app
from tests.fakes.redis_server import RedisServer


def test_messages_that_cannot_be_given_back_do_not_keep_a_connection_from_closing():
    with RedisServer() as server:
        app = build_app(server.url, ["auto"], 1)
        for _ in range(2):
            app.send_task("any", queue="auto", ignore_result=True)
        connection = app.connection_for_read()
        for channel in (connection.default_channel, connection.channel()):
            SimpleQueue(channel, Queue("auto")).get(timeout=10)
        server.stop()
        connection.collect(socket_timeout=1)
        connection.close()
        server.start()
        app.close()
