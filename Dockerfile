# The API tier. The render worker has a Dockerfile of its own in its folder. It has two targets:
#
#   docker build -t image-api .                 without the packages of REDIS_URL, DISPATCH=celery and PostgreSQL
#   docker build -t image-api --target full .   with all of them
FROM python:3.11.16-slim-bookworm AS base

# What installs packages is in this stage alone; what is installed is copied.
FROM base AS packages
RUN apt-get update && apt-get install -y --no-install-recommends binutils && python -m venv --without-pip /opt/venv
COPY requirements.txt requirements-core.txt unused-packages.txt render_worker/slim-packages.sh ./
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements-core.txt \
 && sh slim-packages.sh /opt/venv unused-packages.txt \
 && python -m compileall -q /opt/venv

FROM packages AS all-packages
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements.txt \
 && sh slim-packages.sh /opt/venv unused-packages.txt \
 && python -m compileall -q /opt/venv

FROM base AS runtime
WORKDIR /app
COPY app.py gunicorn.conf.py alembic.ini ./
COPY image_api image_api
# The contract, and what both tiers serve by: all that this tier may import of the worker.
COPY render_worker/__init__.py render_worker/
COPY render_worker/contract render_worker/contract
COPY render_worker/serving render_worker/serving
# The default database of jobs, .data/jobs.db, is in a folder of the user's, where a volume keeps it.
RUN useradd --system api \
 && install --directory --owner=api --mode=700 /data/jobs \
 && ln -s /data/jobs .data
ENV PATH=/opt/venv/bin:$PATH PORT=8000
EXPOSE 8000
# Not urllib, which would ask through the proxy of HTTP_PROXY.
HEALTHCHECK --start-period=60s CMD ["env", "python", "-c", "import os, sys; from http.client import HTTPConnection as C; c = C('127.0.0.1', int(os.environ['PORT']), timeout=5); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
CMD ["gunicorn", "app:app"]

# In both targets the imports, and the jobs' migrations, leave bytecode, which the user below may not write and which a
# small host would make again at every start.
FROM runtime AS full
COPY --from=all-packages /opt/venv /opt/venv
RUN python -m render_worker.serving.bytecode image_api render_worker app gunicorn.app.wsgiapp \
 && DATABASE_URL=sqlite:////tmp/jobs.db alembic upgrade head && rm /tmp/jobs.db*
USER api

FROM runtime
COPY --from=packages /opt/venv /opt/venv
RUN python -m render_worker.serving.bytecode image_api render_worker app gunicorn.app.wsgiapp \
 && DATABASE_URL=sqlite:////tmp/jobs.db alembic upgrade head && rm /tmp/jobs.db*
USER api
