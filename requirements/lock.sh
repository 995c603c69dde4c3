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
# All extras but the engines, which are large and have an environment of their own (`make engines`).
pin dev.txt --extra archives --extra crc --extra gguf --extra parquet --extra pdf --extra postgresql --extra serve \
    --extra sweep --extra yaml --group ../pyproject.toml:dev build.in
pin engines.txt --extra ray --extra spark --group ../pyproject.toml:engines build.in
