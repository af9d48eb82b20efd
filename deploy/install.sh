#!/bin/sh
# The steps of the image, also run by tests/test_deploy.py in a clean folder:
#   install.sh dependencies VENV    what pyproject.toml in this folder asks for, with the extra `service`
#   install.sh reread VENV          Reread itself, from this folder, and no tool that could install anything else
# TORCH_INDEX names where torch alone is taken from: PyPI's build for Linux brings several GB of CUDA. Empty: pip's own index.
set -eu
step=$1 venv=$2
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT

case $step in
dependencies)
    python3 -m venv "$venv"
    wanted=$(mktemp)
    "$venv/bin/python" - >"$wanted" <<'PYTHON'
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join([*project["dependencies"], *project["optional-dependencies"]["service"]]))
PYTHON
    if [ -n "${TORCH_INDEX:-}" ]; then
        "$venv/bin/pip" install --quiet --index-url "$TORCH_INDEX" "$(grep '^torch==' "$wanted")"
    fi
    "$venv/bin/pip" install --quiet --requirement "$wanted"
    rm "$wanted"
    ;;
reread)
    "$venv/bin/pip" install --quiet --no-deps .
    "$venv/bin/pip" check
    "$venv/bin/pip" uninstall --quiet --yes setuptools pip
    ;;
*)
    echo "install.sh dependencies|reread VENV" >&2
    exit 2
    ;;
esac
