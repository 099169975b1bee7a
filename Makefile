# Everything has a script; this file only gives them names.

.PHONY: help demo docs test setup wheel e2e clients crash-test bench clean
.DEFAULT_GOAL := help

help: ## Say what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## Set up, build, and check a real Python library in containers (DEMO_PROJECT=attrs)
	@scripts/demo.sh

test: ## Set up, build and run every check and every test
	@scripts/test.sh

docs: ## Build the documentation site into site/ (ARGS=--external follows links to other sites)
	@scripts/docs.sh $(ARGS)

setup: ## Only install what building and testing need
	@scripts/setup.sh

wheel: ## Build the wheel and install it into .venv
	@scripts/wheel.sh

e2e: wheel ## Only the end-to-end tests (ARGS='-k name')
	@scripts/e2e.sh $(ARGS)

clients: wheel ## Only the official clients of four languages, and ours (ARGS='--client node')
	@scripts/setup.sh test
	@scripts/clients.sh $(ARGS)

crash-test: wheel ## Kill the engine at random moments (KILLS=20)
	@scripts/crash.sh

bench: wheel ## Measure against floors of the same run (ARGS='--only exec')
	@bench/run $(ARGS)

clean: ## Remove what was made inside the checkout
	rm -rf .venv dist out site
