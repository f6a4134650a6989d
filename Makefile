PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
LEGS := gradio-3.41.2 gradio-4.40.0
# The newest Python that each gradio of the hosts has wheels for.
LAST_gradio-3.41.2 := 3.12
LAST_gradio-4.40.0 := 3.13
CHECKED := lib_pxl scripts install.py preload.py
# pip would compile every module, for longer than it installs; Python compiles what is imported, if it may keep that.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help studio model share-demo deploy-commons test check lint types format bench test-host venv venv-test browser lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

studio: $(VENV)/studio.stamp ## set up what is missing and open the stand-alone studio
	$(BIN)/python -m lib_pxl studio

model: $(VENV)/studio.stamp ## train the small model again from nothing; it ends in build/model/model
	$(BIN)/python -m lib_pxl model train build/model

share-demo: venv ## the way of a shared opinion, on this machine alone: consent, preview, S3, intake, erasure
	$(BIN)/python -m lib_pxl share-demo

deploy-commons: venv ## run a receiver of shared opinions in your AWS account, with AWS's sam; SAMFLAGS=--guided asks
	$(BIN)/python -m lib_pxl commons package build/commons
	sam deploy --template-file lib_pxl/commons/template.yaml --stack-name pxl-commons --resolve-s3 \
		--capabilities CAPABILITY_IAM $(SAMFLAGS)

test: ## ruff, mypy and every test that needs no running WebUI
	@$(MAKE) --no-print-directory --jobs=$(JOBS) venv-test browser lint types
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

check: lint types ## ruff and mypy alone

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: venv
	$(BIN)/mypy $(CHECKED)

format: venv ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: venv ## measure, and print the figures
	$(BIN)/python -m bench

test-host: venv browser ## the host suite against a running WebUI: make test-host URL=http://127.0.0.1:7860
	$(if $(URL),,$(error Which WebUI? make test-host URL=http://127.0.0.1:7860))
	$(BIN)/python -m pytest tests/host --url $(URL)

venv: $(VENV)/test.stamp ## .venv with the locked packages for work on pxl

venv-test: $(LEGS:%=$(VENV)/legs/%/.stamp)

# $(call apt,PACKAGE) installs where root can, and says in one line what to type where not.
apt = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $(1); } \
	|| { echo "pxl needs a package of the system: sudo apt-get install $(1)" >&2; exit 1; }

browser: | $(BIN)/pip
	@for name in chromium chromium-browser google-chrome; do \
		$$name --version >/dev/null 2>&1 && exit 0; done; $(call apt,chromium)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "pxl needs Python 3.10 or newer, got $(PYTHON): $$($(PYTHON) --version 2>&1);" \
		"name another one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		$(call apt,$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'))
	$(PYTHON) -m venv $(VENV)

$(VENV)/%.stamp: requirements/%.txt | $(BIN)/pip
	$(PIP_INSTALL) -r $<
	@cp $< $@

# A leg holds one host's gradio and what that needs; first on PYTHONPATH, it hides the newer ones of .venv.
$(VENV)/legs/%/.stamp: requirements/%.txt | $(BIN)/pip
	@rm -rf $(@D)
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] > tuple(map(int, "$(LAST_$*)".split("."))))'; then \
		$(PIP_INSTALL) -q --no-deps --target $(@D) -r $< && cp $< $@; \
	else \
		echo "The leg $* needs Python $(LAST_$*) or older and is left out: make clean test PYTHON=python$(LAST_$*)"; \
	fi

UV := $(VENV)/uv/bin/uv pip compile -q --universal --python-version 3.10 --fork-strategy fewest \
	--no-emit-index-url --no-annotate --no-header $(UVFLAGS)

# What CUDA needs is left to torch's own metadata, which asks for it where the wheel was built with it.
lock: | $(BIN)/pip ## solve the locked versions anew; UVFLAGS=--upgrade takes the newest
	$(PIP_INSTALL) -q --upgrade --target $(VENV)/uv uv
	$(UV) --extra studio --extra share --extra commons --extra dev pyproject.toml -o requirements/test.txt
	$(UV) --extra studio -c requirements/test.txt pyproject.toml -o requirements/studio.txt
	for leg in $(LEGS); do $(UV) requirements/$$leg.in -o requirements/$$leg.txt || exit 1; done
	sed -i -E '/^(nvidia|cuda|triton)/d' requirements/test.txt requirements/studio.txt

clean: ## remove .venv and everything that was made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
