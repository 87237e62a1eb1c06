#!/usr/bin/env bash
# Does all of a release that can be done before the upload: tests, archive, wheel, an installation per Python.
#
#   bash tools/dev/check_release.sh [--no-tests]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../environment.sh"
cd "$ROOT"
[ -z "$(git status --porcelain)" ] || fail "commit or remove first: $(git status --porcelain | head -n 3 | xargs)"
[ "${1:-}" = --no-tests ] || bash tools/run_tests.sh --all
use_environment runtime sample tests peers
unset PYTHONPATH # or pip takes the checkout for an installation of the wheel

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$PYTHON" -m venv "$folder/build"
"$folder/build/bin/pip" install --quiet build twine
rm -rf dist
"$folder/build/bin/python" -m build --outdir dist .
"$folder/build/bin/twine" check --strict dist/*
"$PYTHON" -c "
from skimage import data, transform
import imageio.v3 as image
photo = data.astronaut()
image.imwrite('$folder/sharp.png', photo)
image.imwrite('$folder/blurry.png', photo[::4, ::4])
"
for python in "$HOME"/.pyenv/versions/3.1[0-3]*/bin/python python3.10 python3.11 python3.12 python3.13; do
    command -v "$python" >/dev/null && fits "$python" venv || continue
    name="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    [ -e "$folder/$name" ] && continue
    "$python" -m venv "$folder/$name"
    "$folder/$name/bin/pip" install --quiet "$(echo "$ROOT"/dist/*.whl)[lite]" -c requirements/constraints.txt
    (cd "$folder" && "$folder/$name/bin/masasr" blurry.png --ref sharp.png --out "$name.png")
    [ -s "$folder/$name.png" ] && echo "Python $name: installed, and a photo enlarged"
    find "$folder/$name" -delete && mkdir "$folder/$name" # each environment takes gigabytes
done
echo "checked: $(ls dist | xargs)"
