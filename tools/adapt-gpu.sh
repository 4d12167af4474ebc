#!/bin/sh
# The run of `make adapt-demo` for large-v3 on one GPU or several, in bf16 with checkpointed activations:
#
#   tools/adapt-gpu.sh RUN ID [GPUS [OPTION...]]     options: those of `sotto models adapt`
#   tools/adapt-gpu.sh --estimate [GPUS]             only says what it expects to need
#
# MODEL=large-v2 takes that one; RECIPE and TFLOPS (what the GPU really computes a second, in bf16) may be set, too.
# What it expects is computed from the shapes of the model and the recipe, not measured.
set -eu
cd "$(dirname "$0")/.."

model=${MODEL:-large-v3}
recipe=${RECIPE:-models/recipes/large-v3-gpu.yaml}
tflops=${TFLOPS:-125} # 40 % of an A100's 312

usage() {
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
}

# A number of the recipe.
number() {
    sed -n "s/^ *$1: *\([0-9.]*\).*/\1/p" "$recipe" | head -n 1
}

# Memory on each GPU and time of the training, for clips in windows of $2 seconds; $1 GPUs.
estimate() {
    awk -v gpus="$1" -v seconds="$2" -v tflops="$tflops" -v rank="$(number rank)" -v steps="$(number steps)" \
        -v batch="$(number batch_size)" -v accumulate="$(number accumulate)" 'BEGIN {
        d = 1280; layers = 32; vocabulary = 51866; positions = 50 * seconds; tokens = 40
        encoder = layers * 12 * d * d + 3 * 128 * d + 3 * d * d
        decoder = layers * 16 * d * d + (vocabulary + 448) * d
        weights = encoder + decoder
        adapters = layers * (18 + 26) * d * rank       # A and B of six targets, in decoder layers of ten
        gb = 2 * weights                               # bf16
        gb += 16 * adapters                            # adapters, gradients, two moments of AdamW in float32
        gb += 2 * batch * positions * d * layers       # inputs of the checkpointed encoder layers
        gb += 2 * batch * positions * d * 75           # one of them computed again: so many arrays
        gb += 10 * batch * tokens * vocabulary         # logits in bf16, in float32, and their gradient
        gb = gb / 1e9 + 0.6                            # CUDA itself
        forward = 2 * encoder * positions + 2 * decoder * tokens     # a multiplication and an addition
        forward += 4 * layers * positions * positions * d            # attention of the encoder
        forward += 4 * layers * d * d * positions                    # what the decoder attends to
        clips = steps * batch * accumulate * gpus
        minutes = 3 * forward * clips / gpus / (tflops * 1e12) / 60  # forward, again, backward
        printf "%2d s windows: %.1f GB on each GPU, %.0f minutes for %d steps of %d clips\n",
            seconds, gb, minutes, steps, clips / steps
        if (seconds == 30) printf "%.2f G weights, %.1f M of adapters\n", weights / 1e9, adapters / 1e6
    }'
}

expectation() {
    echo "Training $model by $recipe on $1 GPU(s) of $tflops TFLOP/s, estimated:"
    estimate "$1" 7
    estimate "$1" 30
}

[ $# -ge 1 ] || usage
if [ "$1" = --estimate ]; then
    expectation "${2:-1}"
    exit
fi
[ $# -ge 2 ] || usage
run=$1 id=$2 gpus=${3:-1}
shift "$(($# < 3 ? $# : 3))"
expectation "$gpus"
command -v nvidia-smi >/dev/null || { echo "error: no nvidia-smi on the PATH: this wants an NVIDIA GPU" >&2; exit 1; }
nvidia-smi --query-gpu=name,memory.total,memory.free --format=csv,noheader
export SOTTO_DEVICE=cuda
.venv/bin/sotto models fetch "$model"
.venv/bin/sotto models fetch-voices kokoro
exec .venv/bin/sotto models adapt "$run" --id "$id" --base "$model" --recipe "$recipe" --gpus "$gpus" \
    --seeds tests/data/seeds/seeds.jsonl --keywords tests/data/seeds/keywords.csv --general tests/data/manifest.jsonl "$@"
