# One command each; every target sets up what it needs in .venv first.
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
BIN := .venv/bin
SNAKEMAKE := $(BIN)/mimicflow run --cores $(CORES)
FUZZ_CASES ?= 10000
FUZZ_SEED ?= $(shell date +%s)
export OMP_NUM_THREADS ?= 1
GRAPHVIZ = @command -v dot >/dev/null || { echo "Graphviz draws this and is not installed (no command dot): apt install graphviz, or brew install graphviz." >&2; exit 1; }

.PHONY: help run all test test-fast test-long lint bench report report-full audit audit-control audit-full dag drawings docs demo-data clean

QUIETLY := --quiet --disable-pip-version-check

# By uv in seconds; by pip, which knows indexes and machines that uv does not, in minutes.
.venv/installed: envs/uv.txt requirements.lock torch.lock pyproject.toml
	$(PYTHON) -m venv .venv
	{ $(BIN)/pip install $(QUIETLY) --require-hashes --no-deps --requirement envs/uv.txt && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --requirement requirements.lock; } || \
	{ echo "uv cannot install here; pip can, in minutes." >&2; \
	  $(BIN)/pip install $(QUIETLY) --require-hashes --no-deps --requirement requirements.lock; }
	$(BIN)/pip install $(QUIETLY) --no-compile --requirement torch.lock
	$(BIN)/pip install $(QUIETLY) --no-deps --editable .
	touch $@

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

run: .venv/installed ## The main job, on the synthetic hospital, and its scores
	$(SNAKEMAKE) first --prioritize results/pretrained_model.pth
	@$(BIN)/mimicflow scores
	@echo "The figure: results/all_performance/all_stays_roc.png. The model: results/all_stays_model.pth."
	@echo
	@echo "Next: make all       the other models, mortality and arrest, all figures"
	@echo "      make report    one page for readers"
	@echo "      your own data  README.md, Bring your own MIMIC: cp presets/mimic-iv.yaml my-mimic.yaml"

all: .venv/installed ## All four models, the baselines, figures and the comparison
	$(SNAKEMAKE)
	@$(BIN)/mimicflow scores

test: .venv/installed lint ## Everything that must hold before a change lands
	$(BIN)/pytest --numprocesses $(CORES) --dist loadscope --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=90 tests

test-fast: .venv/installed lint ## What answers within minutes: lint, unit and golden tests
	$(BIN)/pytest --numprocesses $(CORES) --dist loadscope -m "not slow" tests/unit tests/golden tests/test_*.py

test-long: .venv/installed ## 10,000 damaged inputs that nobody has read before (a failure names its seed), and simulated intervals, p values, errors of calibration, thresholds and exchanged outcomes
	FUZZ_CASES=$(FUZZ_CASES) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest --numprocesses $(CORES) tests/fuzz
	$(BIN)/python benchmarks/interval_coverage.py --runs 2000
	$(BIN)/python benchmarks/_simulations/type_one_error.py
	$(BIN)/python benchmarks/_simulations/calibration_error.py
	$(BIN)/python benchmarks/_simulations/threshold_promises.py
	$(BIN)/python benchmarks/_simulations/exchanged_outcomes.py

lint: .venv/installed ## Style, layers of the rooms, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy
	$(BIN)/python workflow/lint.py

bench: .venv/installed ## Ours beside the alternative, with the ratio; all of it, whatever bar is missed
	@missed=; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || missed="$$missed $$file"; done; \
	test -z "$$missed" || { echo "A bar was missed, or it failed:$$missed" >&2; exit 1; }

report: .venv/installed ## All three systems on their single split: one page that opens offline
	$(SNAKEMAKE) all report
	@echo "The page: results/report.html. Cross-validation, explanations and prices: make report-full."

report-full: .venv/installed ## The same with cross-validation, explanations, price of defects, audit: more than an hour
	$(SNAKEMAKE) all evaluation
	$(SNAKEMAKE) all evaluation --report results/report.zip
	@echo "The page: results/report_full.html. Snakemake's archive with captions: results/report.zip."
	@echo "For the paper: model_card.md, tripod_ai.md and probast_ai.md in results/admission, mortality and arrest."

audit: .venv/installed ## Could a prediction have seen what it should not? All checks, results/audit.html
	$(SNAKEMAKE) audit
	@echo "The page: results/audit.html. Every check as a table: results/{admission,mortality,arrest}/audit."

audit-control: .venv/installed ## Leaks planted in copies of files: does the audit find them?
	$(SNAKEMAKE) $(foreach system,admission mortality arrest,results/$(system)/audit/control.csv)

audit-full: .venv/installed ## The same with the networks under every setting and permutation: hours
	$(SNAKEMAKE) audit --configfile presets/audit-full.yaml

dag: .venv/installed ## The rule graph of the README (needs Graphviz)
	$(GRAPHVIZ)
	trap 'rm -f docs/images/.rulegraph.*' EXIT; \
	$(BIN)/snakemake all --rulegraph > docs/images/.rulegraph.dot && \
	dot -Tsvg -o docs/images/.rulegraph.svg docs/images/.rulegraph.dot && \
	mv docs/images/.rulegraph.svg docs/images/rulegraph.svg

drawings: docs/images/rooms.svg docs/images/ways.svg ## Those of docs/architecture.md (need Graphviz)

docs/images/%.svg: docs/images/%.dot
	$(GRAPHVIZ)
	dot -Tsvg -o docs/images/.$*.svg $< && mv docs/images/.$*.svg $@

.venv/docs: docs/site/requirements.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement docs/site/requirements.txt
	touch $@

docs: .venv/docs ## The documentation as a site, offline and strict: .site/index.html
	$(BIN)/mkdocs build --quiet
	@echo "The site: .site/index.html"

demo-data: .venv/installed ## Downloads the open PhysioNet demos into data/
	$(BIN)/python -m mimicflow.raw.demo_data data

clean: ## Removes results and .venv
	rm -rf .venv .snakemake
	find results -mindepth 1 ! -path results/README.md -delete
