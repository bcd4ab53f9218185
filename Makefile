# Two commands do all the set-up: make demo, make test. On a machine with a GPU and PyTorch alone:
# make gpu [WHEELS=DIR] [DEVICE=cpu] [FRESH=1], which needs no set-up.
PYTHON ?= python3
DEVICE ?= cuda
WORKERS ?= auto
ROUNDS ?= 2
SEED ?= $(shell date +%j)
EXAMPLES ?= 1600
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests start hundreds of processes, which are slow where Python may not keep compiled modules.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test docs faults simulated-faults real-faults hostile compose-test slurm-test gpu paper-reduced check lint format clean

demo: $(READY)
	$(BIN)/vss-orch submit experiments/quickstart.yaml

test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(WORKERS)

# 10,000 schedules of drivers, EXAMPLES of the ledger's machine and planted bugs, and beside them real
# rounds: an undisturbed one, and one with the fault that SEED chooses. 5 minutes on 2 cores.
faults: $(READY)
	$(MAKE) --jobs=2 --output-sync=target simulated-faults real-faults

simulated-faults: $(READY)
	VSS_FAULTS=full VSS_FAULTS_EXAMPLES=$(EXAMPLES) \
		$(BIN)/python -m pytest tests/faults --numprocesses $(WORKERS)
	@echo "simulated faults: 10,000 schedules, $(EXAMPLES) examples of the ledger, planted bugs: all well"

real-faults: $(READY)
	results=$$(mktemp); $(BIN)/python -m tests.faults.real --minutes 60 --rounds $(ROUNDS) \
		--seed $(SEED) --results $$results; code=$$?; rm $$results; exit $$code

# 10,000 damaged or mutated files of each kind that strangers may send; the same ones in every run.
hostile: EXAMPLES = 10000
hostile: $(READY)
	VSS_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -k hostile --numprocesses $(WORKERS)

# docker-compose.yml for real; where there is no Docker, as root on Debian, which has packages.
compose-test: $(READY)
	$(BIN)/python -m deploy.test.compose $(if $(KEEP),--keep) $(if $(FOLDER),--folder $(FOLDER))

# deploy/slurm.sh for real, on a Slurm of two nodes; as root on Debian.
slurm-test: $(READY)
	$(BIN)/python -m deploy.test.slurm $(if $(FOLDER),--folder $(FOLDER))

# The pages that are made from the code.
docs: $(READY)
	$(BIN)/python -m typer orchestrator.cli.app utils docs --name vss-orch --title Commands \
		--output docs/commands.md
	$(BIN)/python -m orchestrator.terminal.reference.settings_page >docs/settings.md

# The paper's questions at a small scale, one after the other; what has finished is not repeated.
REDUCED := experiments/paper/reduced/[!r]*.yaml experiments/paper/reduced/longer/[!r]*.yaml
REDUCED_CAMVID := experiments/paper/reduced/camvid/[!r]*.yaml
paper-reduced: $(READY)
	code=0; for spec in $(REDUCED) $(if $(CAMVID),$(REDUCED_CAMVID)); do \
		$(BIN)/vss-orch submit $$spec $(if $(CAMVID),--data camvid=$(CAMVID)) || code=$$?; \
		[ $$code -lt 2 ] || exit $$code; done; exit $$code

gpu:
	$(PYTHON) -m tests.gpu --device $(DEVICE) $(if $(WHEELS),--wheels $(WHEELS)) $(if $(FRESH),--fresh)

check: lint test

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build *.egg-info

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "vss-orch needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "installing into $(VENV): about 6 GB, some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $(READY)
