#!/usr/bin/env bash
# From a fresh clone to a super-resolved photograph and a model of one's own, without a GPU: makes the
# environment and the sample data, super-resolves a photograph with the weights that come with the
# package, trains a network from nothing for some minutes, and tests it.
#
#   bash tools/quickstart.sh
#
# Run again, it goes on where it stopped; remove work_dirs/quickstart to train anew.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

CONFIG=configs/masa_x4_sample.py
DATA=data/sample
WORK=work_dirs/quickstart

# step NUMBER TITLE COMMAND...: runs COMMAND, ends the script if it fails
step() {
    local title="[$1/5] $2"
    echo "$title"
    "${@:3}" || fail "$title failed, see above; run this script again to go on from here"
}

# Trains unless it was done before; goes on from the last checkpoint if it was interrupted.
train() {
    if [ -e "$WORK/trained" ]; then
        echo "done before; remove $ROOT/$WORK to train anew"
        return
    fi
    "$PYTHON" tools/train.py "$CONFIG" --work-dir "$WORK" --resume --quiet && touch "$WORK/trained"
}

# Prints the best checkpoint by PSNR, or else the last one.
checkpoint() {
    local best=("$WORK"/best_*.pth)
    if [ -e "${best[0]}" ]; then
        echo "${best[${#best[@]} - 1]}"
    elif [ -e "$WORK/last_checkpoint" ]; then
        echo "$WORK/$(basename "$(cat "$WORK/last_checkpoint")")"
    else
        fail "no checkpoint in $ROOT/$WORK; remove that folder and run this script again"
    fi
}

# Makes a low-resolution photograph of HR and super-resolves it with a reference: HR REF.
photograph() {
    "$PYTHON" - "$1" "$WORK/photo.png" <<'PYTHON' || return
import sys
from PIL import Image

source, target = sys.argv[1:]
image = Image.open(source)
image.resize((image.width // 4, image.height // 4), Image.Resampling.BICUBIC).save(target)
PYTHON
    "$PYTHON" tools/infer.py "$WORK/photo.png" --ref "$2" --out "$WORK/photo" --compare
}

cd "$ROOT"
export PYTHONWARNINGS=ignore # what other packages say of each other
step 1 'environment' use_environment runtime sample
mkdir -p "$WORK"
step 2 'sample data' "$PYTHON" tools/dataset_converters/make_sample.py "$DATA"
HR="$DATA/test/CUFED5/000_0.png"
step 3 'super-resolution of a photograph' photograph "$HR" "${HR/_0/_1}"
step 4 'training' train
CHECKPOINT="$(checkpoint)"
step 5 'test' "$PYTHON" tools/test.py "$CONFIG" "$CHECKPOINT" --work-dir "$WORK/test" \
    --out "$WORK/images" --quiet

PICTURE="$(find "$WORK/test" -name '*.png' -print0 | xargs -0 ls -t | head -n 1)"
echo "super-resolved photograph:           $ROOT/$WORK/photo/photo_x4.png"
echo "beside bicubic and its reference:    $ROOT/$WORK/photo/photo_x4_compare.png"
echo "trained checkpoint:                  $ROOT/$CHECKPOINT"
echo "its bicubic|MASA|HR|Ref:             $ROOT/$PICTURE"
echo "logs:                                $ROOT/$WORK"
echo "whole time: $((SECONDS / 60)) min $((SECONDS % 60)) s"
