#!/usr/bin/env bash
# Builds the documentation site into site/; a warning or a dead link is an error.
#
#   scripts/docs.sh              the site
#   scripts/docs.sh --external   links to other sites as well, which needs a network
source "$(dirname "$0")/common.sh"
scripts/setup.sh docs
[[ -x "$DOCS/bin/python" ]] || fail "the site needs Python 3.11 or newer; $PYTHON is older"

build() { "$DOCS/bin/python" -m sphinx -W --keep-going -n -q -d target/doctrees -b "$1" docs "$2"; }
build html site
echo "site/index.html"
if [[ "${1:-}" == --external ]]; then build linkcheck target/linkcheck; fi
