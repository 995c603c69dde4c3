#!/bin/sh
# Pins what pyproject.toml asks for, with hashes. `make lock` calls it from this folder.
set -eu
uv="../.venv/bin/python -m uv"
../.venv/bin/python -m pip install -q --disable-pip-version-check uv
pin() {
    out=$1
    shift
    $uv pip compile -q --no-header --python-version 3.11 --universal --generate-hashes "$@" ../pyproject.toml -o "$out.new"
    { echo "# Pinned with hashes by \`make lock\`."; cat "$out.new"; } > "$out"
    rm "$out.new"
}
pin demo.txt --extra serve --extra postgresql --extra pdf build.in
pin dev.txt --all-extras --group ../pyproject.toml:dev build.in
