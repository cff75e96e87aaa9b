# Everything is set up by the targets that need it: a virtual environment, Python packages, a browser.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
PACKAGES := $(VENV)/.packages
DEV_PACKAGES := $(VENV)/.dev-packages
BROWSER := $(VENV)/.browser
SERVERS := $(VENV)/.servers
PEERS := .venv-peers
CLIENTS := .venv-clients
CLIENT_PACKAGES := $(CLIENTS)/.packages
DIFFUSERS := .venv-diffusers
DIFFUSERS_INSTALL := $(DIFFUSERS)/bin/pip install --quiet --disable-pip-version-check
DIFFUSERS_PACKAGES := $(DIFFUSERS)/.packages
NODE_MODULES := tests/clients/node_modules
NODE := $(CLIENTS)/bin/node
SCRIPTS := image_api/static/*.css image_api/static/*.js
TIERS := requirements.txt render_worker/requirements.txt
# PyTorch is another package on each platform, so what the engine `diffusers` needs is in no lock of hashes.
UNLOCKED := render_worker/requirements-diffusers.txt
# Where its tests find PyTorch for a CPU: PyPI's own for Linux is for CUDA, and five gigabytes.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TESTED_WITH := hypothesis peft==0.21.2 pytest pytest-timeout pytest-xdist
EXTRAS := $(filter-out $(UNLOCKED),$(wildcard render_worker/requirements-*.txt))

# What `ENGINES=replicate make run` needs beside, or `COMFYUI_URL=… make run`.
COMMA := ,
OWN := $(if $(ENGINES),,$(if $(or $(COMFYUI_URL),$(comfyui_url)),comfyui))
NAMED := $(subst s3,buckets,$(subst gcs,buckets,$(subst $(COMMA), ,$(ENGINES) $(STORAGE) $(OWN))))
WANTED := $(sort $(patsubst render_worker/requirements-%.txt,$(VENV)/.packages-%,$(wildcard $(patsubst %,render_worker/requirements-%.txt,$(NAMED)))))

# `make test REPORTS=<folder>` leaves a report there of each line that runs pytest, named by the line's shell.
REPORT = $(if $(REPORTS),--junitxml=$(REPORTS)/$$$$.xml)
TARGETED = $(if $(TARGET),--target $(TARGET))
PYTEST = $(BIN)/python -m pytest $(REPORT)

.DEFAULT_GOAL := help
.PHONY: help run test test-diffusers results clients page screenshots coverage lint types format docs lock image hardened audit sbom build up start logs stop bench bench-encoding bench-overhead bench-page bench-peers bench-small-plan bench-cold-start bench-capacity bench-memory bench-workers bench-jobs bench-jobs-rows bench-queue bench-idle bench-diffusers soak chaos hostile fuzz fuzz-document clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

run: $(PACKAGES) $(WANTED) $(BROWSER) ## Run both tiers on this machine (PORT=9000 moves them, DISPATCH=celery adds a queue).
	@exec $(BIN)/python -m local

test: $(DEV_PACKAGES) $(BROWSER) $(SERVERS) $(CLIENT_PACKAGES) $(NODE_MODULES)/.package-lock.json ## Check style, types and imports, then run every test.
	@$(MAKE) --no-print-directory lint types
	@$(PYTEST) -n 4 tests/api tests/repo tests/worker # they mostly wait
	@$(PYTEST) -n 4 --dist loadfile tests/clients tests/end_to_end tests/sandbox # a stack of servers and a browser each, which wait two thirds of the time
	@$(PYTEST) -n 2 tests/hostile tests/fuzz tests/chaos # two servers each, and the cores to themselves
	@$(PYTEST) -n 2 --dist loadfile tests/page # pytest-playwright's event loop lets no other test use asyncio.run
	@$(MAKE) --no-print-directory test-diffusers

test-diffusers: $(DIFFUSERS_PACKAGES) ## Try the engine diffusers with tiny models, in a virtual environment of its own (part of test).
	@$(DIFFUSERS)/bin/python -m pytest $(REPORT) -n 2 --dist loadfile tests/diffusers # one thread of PyTorch each

results: ## Run make test, and write docs/TESTING_RESULTS.md of it.
	@rm -rf build/results
	@$(MAKE) --no-print-directory test REPORTS=build/results
	@$(BIN)/python -m local.testing_results build/results

clients: $(DEV_PACKAGES) $(CLIENT_PACKAGES) $(NODE_MODULES)/.package-lock.json ## Try other people's clients of OpenAI's API (part of test).
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/clients

page: $(DEV_PACKAGES) $(BROWSER) ## Try the page in a real browser (part of test).
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/page

screenshots: $(DEV_PACKAGES) $(BROWSER) ## Take pictures of the page, to be looked at, into build/screenshots, and two into docs/.
	@$(BIN)/python -m tests.page.screenshots build/screenshots

coverage: $(DEV_PACKAGES) $(BROWSER) $(SERVERS) ## Print what each tier's own tests, not end_to_end, do not reach (ten minutes).
	@rm -f .coverage .coverage.*
	@failed=0; $(BIN)/coverage run -m pytest -q -n 4 tests/api tests/repo tests/worker || failed=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$failed

lint: $(DEV_PACKAGES) $(NODE_MODULES)/.package-lock.json ## Check style, and who imports whom.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(NODE) $(NODE_MODULES)/prettier/bin/prettier.cjs --log-level warn --check $(SCRIPTS)

types: $(DEV_PACKAGES) $(NODE_MODULES)/.package-lock.json ## Check types: mypy --strict, and the scripts' by their JSDoc.
	@$(BIN)/mypy
	@$(NODE) $(NODE_MODULES)/typescript/bin/tsc --project jsconfig.json

docs: $(PACKAGES) ## Write the tables in docs/ that derive from the code.
	@$(BIN)/python -m local.docs

format: $(DEV_PACKAGES) $(NODE_MODULES)/.package-lock.json ## Format the code.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(NODE) $(NODE_MODULES)/prettier/bin/prettier.cjs --log-level warn --write $(SCRIPTS)

lock: $(BIN)/python ## Compile requirements*.in into hashed requirements*.txt (UPGRADE=1 for newer ones).
	@$(INSTALL) "$$(grep '^uv==' requirements-dev.in)" # alone: a lock that cannot be installed can still be compiled anew
	@$(BIN)/python -m local.lock $(if $(UPGRADE),--upgrade)

image: ## Build both tiers' images with docker, podman or buildah, and print their layers' sizes (TARGET=full).
	@if docker info >/dev/null 2>&1; then build="docker build"; \
	elif podman info >/dev/null 2>&1; then build="podman build --format docker"; \
	elif buildah info >/dev/null 2>&1; then build="buildah build --format docker"; \
	else echo "None of docker, podman and buildah works here." >&2; exit 1; fi; \
	(set -x; $$build $(TARGETED) $(IMAGE_OPTIONS) -t render-worker render_worker && $$build $(TARGETED) $(IMAGE_OPTIONS) -t image-api .)
	@$(PYTHON) -m local.image_layers

hardened: $(DEV_PACKAGES) ## Run the images that buildah built as compose.yaml confines them; needs root and runc (BUILDAH="--root …").
	@$(BIN)/python -m tests.images -- $(BUILDAH)

audit: $(DEV_PACKAGES) ## Look up known vulnerabilities of all pinned packages (SERVICE=osv); 3 if that cannot be done.
	@$(BIN)/python -m local.audit $(if $(SERVICE),--service $(SERVICE))

sbom: $(DEV_PACKAGES) ## Write what the built images consist of into build/sbom, as CycloneDX (BUILDAH="--root …").
	@$(BIN)/python -m local.sbom -- $(BUILDAH)

build: ## Build the images with Compose; up, logs and stop go with it (each with PROFILE=gpu: docs/gpu.md).
	@PROFILE=$(PROFILE) sh local/compose.sh build

up: ## Start both tiers in containers, with Compose, and wait until they are healthy if it can.
	@PROFILE=$(PROFILE) sh local/compose.sh up --detach

start: up ## The same as up.

logs: ## Show the logs of the containers until Ctrl-C.
	@PROFILE=$(PROFILE) sh local/compose.sh logs --follow

stop: ## Stop the containers; pictures stay in their volume.
	@PROFILE=$(PROFILE) sh local/compose.sh down

bench: $(DEV_PACKAGES) $(BROWSER) ## Measure ours beside the perchance package, the bare site and an empty view.
	@$(BIN)/python -m bench.compare
	@$(BIN)/python -m bench.encoding
	@$(BIN)/python -m bench.overhead
	@$(BIN)/python -m bench.capacity

bench-encoding: $(DEV_PACKAGES) ## Measure what it saves to keep an engine's file as it came.
	@$(BIN)/python -m bench.encoding

bench-overhead: $(DEV_PACKAGES) ## Measure what the API tier adds to the worker, and a cached answer.
	@$(BIN)/python -m bench.overhead

bench-page: $(DEV_PACKAGES) $(BROWSER) ## Measure the page's weight, its first paint and its first picture.
	@$(BIN)/python -m bench.page

bench-peers: $(DEV_PACKAGES) $(PEERS)/bin/litellm ## Measure OpenAI's route beside litellm's proxy; needs root.
	@$(BIN)/python -m bench.peers $(PEERS)/bin/litellm

bench-small-plan: $(DEV_PACKAGES) $(BROWSER) ## Measure both tiers in what a free plan gives; needs root.
	@$(BIN)/python -m bench.small_plan

bench-cold-start: $(DEV_PACKAGES) $(BROWSER) ## Draw what runs when both tiers start in what a free plan gives; needs root.
	@$(BIN)/python -m bench.cold_start

bench-capacity: $(DEV_PACKAGES) ## Measure how many waiting clients one API process holds; needs root.
	@$(BIN)/python -m bench.capacity

bench-workers: $(DEV_PACKAGES) ## Measure what four render workers carry beside one.
	@$(BIN)/python -m bench.workers

bench-jobs-rows: $(DEV_PACKAGES) $(SERVERS) ## Ask the jobs' database, SQLite and PostgreSQL, with a million rows in it.
	@$(BIN)/python -m bench.jobs_rows

bench-memory: $(DEV_PACKAGES) $(BROWSER) ## Make 2,000 pictures by each route in 512 MiB; needs root.
	@$(BIN)/python -m bench.memory

bench-jobs: $(DEV_PACKAGES) $(SERVERS) ## Submit 500 jobs a second, on SQLite and PostgreSQL, and watch /health; then bench-queue.
	@$(BIN)/python -m bench.jobs
	@$(BIN)/python -m bench.queue

bench-queue: $(DEV_PACKAGES) $(SERVERS) ## Measure what the queue carries and adds (ONLY="workers added memory parts slots").
	@$(BIN)/python -m bench.queue $(if $(ONLY),--only $(ONLY))

bench-idle: $(DEV_PACKAGES) $(SERVERS) ## Measure the memory of an idle API tier, with jobs and without; needs root.
	@$(BIN)/python -m bench.idle

bench-diffusers: $(DIFFUSERS_PACKAGES) ## Measure the engine diffusers beside the bare pipeline, with tiny models (ONLY="overhead swap").
	@$(DIFFUSERS)/bin/python -m bench.diffusers $(if $(ONLY),--only $(ONLY))

soak: $(DEV_PACKAGES) $(BROWSER) ## Twenty minutes of faults by chance.
	@$(BIN)/python -m tests.end_to_end.soak

chaos: $(DEV_PACKAGES) $(SERVERS) ## Kill what runs 200 jobs, and what they need, at random moments (ONLY="all-killed" SEED=7).
	@$(BIN)/python -m tests.chaos $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

hostile: $(DEV_PACKAGES) ## Carry out what one anonymous client could do to the others (ONLY="log-flood late-body").
	@$(BIN)/python -m tests.hostile $(if $(ONLY),--only $(ONLY))

fuzz: $(DEV_PACKAGES) ## Send 100,000 broken requests to both tiers (SEED=7 COUNT=100000).
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

fuzz-document: $(DEV_PACKAGES) ## Try the API's document on both tiers by schemathesis (SEED=7 SECONDS=600).
	@$(BIN)/python -m tests.fuzz.document $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

clean: ## Remove the virtual environment and the local pictures; the jobs' database, models and LoRAs stay.
	@if [ -d .data ]; then find .data -mindepth 1 -maxdepth 1 ! -name 'jobs.db*' ! -name models ! -name loras -exec rm -rf {} +; rmdir .data 2>/dev/null || true; fi
	rm -rf $(VENV) $(PEERS) $(CLIENTS) $(DIFFUSERS) $(NODE_MODULES) .coverage .coverage.* build test-results *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(PACKAGES): $(TIERS) | $(BIN)/python
	$(INSTALL) --require-hashes $(foreach file,$(TIERS),-r $(file))
	@touch $@

$(VENV)/.packages-diffusers: $(UNLOCKED) | $(BIN)/python
	@echo "Installing PyTorch and what goes with it: gigabytes, so minutes ..."
	$(INSTALL) -r $<
	@touch $@

$(VENV)/.packages-%: render_worker/requirements-%.txt | $(BIN)/python
	$(INSTALL) --require-hashes -r $<
	@touch $@

$(DEV_PACKAGES): requirements-dev.txt $(TIERS) $(EXTRAS) | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@ $(PACKAGES)

$(BROWSER): local/browser.sh | $(BIN)/python
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh local/browser.sh
	@touch $@

$(SERVERS): tests/servers.sh | $(BIN)/python
	@sh tests/servers.sh
	@touch $@

$(CLIENT_PACKAGES): tests/clients/requirements.txt | $(BIN)/python
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/clients/requirements.txt
	@touch $@

# Both tiers' packages with their hashes, PyTorch of an index of its own, and the others in the versions of the lock.
$(DIFFUSERS_PACKAGES): $(UNLOCKED) $(TIERS) constraints.txt
	$(PYTHON) -m venv $(DIFFUSERS)
	$(DIFFUSERS_INSTALL) --require-hashes $(foreach file,$(TIERS),-r $(file))
	$(DIFFUSERS_INSTALL) --retries 1 --timeout 20 --extra-index-url $(TORCH_INDEX) "$$(grep '^torch==' $(UNLOCKED))"
	$(DIFFUSERS_INSTALL) -r $(UNLOCKED) -c constraints.txt $(TESTED_WITH)
	@touch $@

# By the npm of those packages; what it writes last is the target.
$(NODE_MODULES)/.package-lock.json: tests/clients/package-lock.json $(CLIENT_PACKAGES)
	cd tests/clients && "$(CURDIR)/$(CLIENTS)/bin/npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(PEERS)/bin/litellm:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check 'litellm[proxy]==1.106.2'
