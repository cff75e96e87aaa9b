# The API tier. The render worker has a Dockerfile of its own in its folder.
FROM python:3.11.16-slim-bookworm

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY app.py gunicorn.conf.py alembic.ini ./
COPY image_api image_api
# The contract, and what both tiers serve by: all that this tier may import of the worker.
COPY render_worker/__init__.py render_worker/
COPY render_worker/contract render_worker/contract
COPY render_worker/serving render_worker/serving
# Leaves bytecode, which the user below may not write and which a small host would make again at every start: of the
# server, of the jobs with their migrations, and of the queue. The default database of jobs, .data/jobs.db, is in a
# folder of that user's, where a volume keeps it.
RUN python -c "import app, psycopg, sqlite3, image_api.jobs.service, celery, kombu.transport.redis" \
 && python -m compileall -q image_api render_worker \
 && DATABASE_URL=sqlite:////tmp/jobs.db alembic upgrade head && rm /tmp/jobs.db* \
 && useradd --system api \
 && install --directory --owner=api --mode=700 /data/jobs \
 && ln -s /data/jobs .data
USER api

ENV PORT=8000
EXPOSE 8000
# Not urllib, which would ask through the proxy of HTTP_PROXY.
HEALTHCHECK --start-period=60s CMD ["env", "python", "-c", "import os, sys; from http.client import HTTPConnection as C; c = C('127.0.0.1', int(os.environ['PORT']), timeout=5); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
CMD ["gunicorn", "app:app"]
