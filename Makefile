# Everything happens in .venv inside the checkout; nothing outside is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-serve docs licences wheels image coverage catalogues screenshots test test-long packages check lint types bench bench-detection bench-recognition bench-strangers bench-embeddings bench-parts bench-escapes bench-campaigns bench-checkpoints bench-poison bench-plan bench-search bench-conversions bench-index bench-sweep bench-digests bench-quota bench-quota-plans bench-gate bench-gate-hostile bench-hostile bench-cases bench-queue bench-start bench-begin bench-verify \
	bench-histories bench-best-first oracles fuzz lock clean

# The main job on an embedded default: sets up, runs, prints where the report is.
demo: $(VENV)/.demo
	@$(BIN)/python -m demo

# The review service over a small hub, with users of every role, until Ctrl-C.
demo-serve: $(VENV)/.demo
	@$(BIN)/python -m demo --serve

# One more than there are processors: some tests wait for servers. Compiled modules are kept, also where
# an environment says otherwise: hundreds of processes are started.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $$(($$(nproc) + 1)) --dist loadfile \
	--no-loadscope-reorder --durations 30 --durations-min 5
test: $(VENV)/.dev packages
	@$(PYTEST) -m "not long"

# The cases that are one more form of what other cases prove: tests/long.py says which.
test-long: $(VENV)/.dev packages
	@$(PYTEST) -m long

# Chromium and PostgreSQL, from Debian: where they are not and cannot be had, tests are skipped.
packages:
	@.ci/packages

check: lint types test

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

# Measurements, each with its aim, into docs/benchmarks.md. Takes some twenty minutes.
bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.run

# How often an altered copy is recognised, and strangers are not, into docs/detection.md.
bench-detection: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.detection
	@$(BIN)/python -m benchmarks.calibration

# How often removed adapters are known again and who is accused, held out, by Reseen and by others, into
# docs/recognition-benchmark.md. SIZE=small, default or published; METHODS="--method ..." for others. Some 15 minutes of
# one core (small: 5); goes on where it was.
SIZE ?= default
bench-recognition: $(VENV)/.dev
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.recognition --size $(SIZE) $(METHODS) --write

# Strangers whose adapters share parts (VeRA, FourierFT, OFT near nothing ...): 10,011 pairs of each
# algorithm, into docs/strangers.md. Some 20 minutes.
bench-strangers: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.strangers --write

# Textual inversions on a model of training: strangers called copies, and edited copies found. A minute.
bench-embeddings: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.embeddings

# Parts of merges found, and strangers taken for parts, into docs/parts.md. Five minutes.
bench-parts: $(VENV)/.dev
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.parts --write

# Accounts that re-upload together: found, and nobody else drawn in, into docs/campaigns.md. Five minutes.
bench-campaigns: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.campaigns --write

# What somebody does who knows how copies are recognised, step by step, into docs/escapes.md. Five minutes.
bench-escapes: $(VENV)/.dev
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.escapes --files 4 --write

# Adapters baked into a made base and stored in every number format, into docs/checkpoints.md. ADAPTERS
# names folders of trained ones. Some 15 minutes.
bench-checkpoints: $(VENV)/.dev
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.checkpoints $(ADAPTERS) --write

# What others upload, and what it may do to a removal's copies, into docs/poison.md. Some minutes;
# goes on where it was.
bench-poison: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.poison --keys 3 --write

# From headers to their plans: the largest known, and the dearest. A minute.
bench-plan: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.plan

# The search among sketches, and what a scan reads first by one secret and another. Needs 9 GB of disk.
bench-search: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.search_sketches
	@$(BIN)/python -m benchmarks.first_read

# The saved index: opened, looked up in, shared by processes, and a gate that begins with it.
bench-index: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.saved_index

# An index of a gigabyte: seconds until it is ready, and one copy for all processes. Needs 3 GB of disk.
.PHONY: bench-shared-index
bench-shared-index: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.shared_index

# A hub's own storage: rows a second, bytes read of adapters, a manifest of 10,000,000 rows. Some ten
# minutes, and 2 GB of disk.
bench-sweep: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.sweep

# What MD5, SHA-1 and the CRCs of stores cost beside the digests of a full reading, against SHA-256. A minute.
bench-digests: $(VENV)/.dev
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.on_demand

# One token, four walkers, one store: how much of the quota they use, and who is refused; then two of them
# are killed. On SQLite and, where it is installed, on PostgreSQL. Ten minutes.
bench-quota: $(VENV)/.dev packages
	@for on in sqlite postgresql; do for kill in 0 2; do \
		$(BIN)/python -m benchmarks.shared_quota --on $$on --kill $$kill || exit; done; done

# Until 50, 90 and 99 % of the sightings at a hub of 1,000,000 repositories, by the plan of quota. Hours, and
# 3 GB of memory.
bench-quota-plans: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.quota_plans

# The gate under load, each figure with its aim.
bench-gate: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.gate

# Real adapters, converted and renamed: ADAPTERS names their folders, with spaces between.
bench-conversions: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.conversions $(ADAPTERS)

# The gate at 400 requests a second while the dearest uploads and the longest list come in: p99.
bench-gate-hostile: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.gate_hostile

# The dearest files that are accepted: seconds and memory of each, into docs/hostile-files.md.
bench-hostile: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.hostile_files --write

# How soon a scan finds, over 24 populations of 40,000 repositories: some half an hour.
bench-best-first: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.best_first

# Taking 100,000 sightings into cases, on SQLite and, where it is installed, on PostgreSQL.
bench-cases: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.take_into_cases

# From an empty folder to the first decision of an invited reviewer.
bench-begin: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.from_nothing

# What each figure of the start page costs over 100,000 cases, and a search.
bench-start: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.start_page

# Every page, filter and grouping of a queue of 1,000,000 cases on PostgreSQL, and ten reviewers at once,
# into docs/queue.md.
bench-queue: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.queue_pages --write docs/queue.md

# Proving 1,000,000 decided cases against the audit log, on SQLite and, where it is installed, on PostgreSQL.
bench-verify: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.verify_log --on both

# Thousands of histories of acts against a model of what must be known; goes on where it was. Then a
# hundred of them by real processes, many of which are killed.
bench-histories: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.histories --count 5000
	@$(BIN)/python -m benchmarks.histories --processes 100

# Foreign inputs through every reader, 300,000 each: hours; goes on where it was. Nothing may crash,
# hang, swell, or say what stood in the input. FUZZ="--jobs 4" plays readers side by side.
fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.fuzz --count 300000 $(FUZZ)

# The documentation as a site, into site/: the pages of docs/, and a reference made from the code. A link that
# leads nowhere fails.
docs: $(VENV)/.dev
	@rm -rf site
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs site
	@echo "The site: site/index.html"

# The licences of all dependencies; fails for one that is unknown or does not go with ours.
licences: $(VENV)/.dev
	@$(BIN)/python docs/_ext/licences.py

# Wheel and source distribution, into dist/, installed in fresh environments of each Python that is here.
wheels: $(VENV)/.dev
	@.ci/wheels

# The container image, and a trial of it: ENGINE=podman where there is no docker.
ENGINE ?= docker
image:
	@$(ENGINE) build -f deploy/Containerfile -t reseen .
	@sh deploy/try-image $(ENGINE) reseen

# Branch coverage of matching, sealing and decisions: below 95 % fails.
coverage: $(VENV)/.dev packages
	@.ci/coverage

# The message catalogues of the pages: what is marked to be translated, into src/reseen/web/locale.
catalogues: $(VENV)/.dev
	@.ci/catalogues

# The pictures of the pages in docs/, at Chromium.
screenshots: $(VENV)/.dev packages
	@$(BIN)/python -m tests.browser.screenshots

# Optional: our modules and updates against those of torch, diffusers, peft and lycoris, in an
# environment of its own (some gigabytes). The product needs none of them. What they make is kept in
# tests/updates/*_vectors.json; `.venv-oracles/bin/python -m tests.updates.own_oracles` makes it anew
# (and tests.updates.quantised_oracles, by bitsandbytes and comfy-kitchen).
oracles: .venv-oracles/.done
	@PYTHONPATH=src .venv-oracles/bin/python -m pytest tests/updates/test_updates_oracles.py \
		tests/updates/test_own_oracles.py

.venv-oracles/.done: requirements/oracles.txt requirements/demo.txt
	@$(PYTHON) -m venv .venv-oracles
	@.venv-oracles/bin/python -m pip install -q --disable-pip-version-check -r requirements/oracles.txt
	@touch $@

# Optional: a sweep on Ray Data and on Spark (which needs Java 17 or 21), in an environment of its own
# (a gigabyte): the tests of the adapters, then 2,000 files of all kinds by each of them and by
# `reseen sweep`, which must be the same tables byte for byte, and what each engine adds.
.PHONY: engines bench-kills
ENGINES := PYTHONPATH=$(CURDIR)/src:$(CURDIR) .venv-engines/bin/python
engines: .venv-engines/.done
	@$(ENGINES) -m pytest tests/scan/test_sweep_engines.py
	@$(ENGINES) -m benchmarks.engines

# A hundred kills of a sweep's processes, of Ray's and of whoever started them: no row lost, none doubled.
bench-kills: .venv-engines/.done
	@$(ENGINES) -m benchmarks.sweep_kills

.venv-engines/.done: requirements/engines.txt
	@$(PYTHON) -m venv .venv-engines
	@.venv-engines/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/engines.txt
	@touch $@

# Rewrites the pinned dependencies from pyproject.toml.
lock: $(VENV)/.dev
	@cd requirements && sh lock.sh

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Reseen needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Could not make a virtual environment; on Debian: apt install python3-venv" >&2; exit 2; }

$(VENV)/.demo: $(VENV)/bin/python requirements/demo.txt pyproject.toml
	@echo "Setting up in $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/demo.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . 
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	@echo "Setting up the tools for tests (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
