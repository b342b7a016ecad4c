#!/bin/sh
# Softmax regression on Fisher's irises by gradient descent, in shell and awk. Arguments are written name=value:
# sh train.sh lr=0.5 momentum=0.9. It prints a line after each epoch, and continues from its checkpoint in a sweep.
set -eu
cd "$(dirname "$0")"

epochs=60 lr=0.3 momentum=0.9 decay=0.0 degree=1
for word in "$@"; do
    case $word in
    epochs=*) epochs=${word#*=} ;;
    lr=*) lr=${word#*=} ;;
    momentum=*) momentum=${word#*=} ;;
    decay=*) decay=${word#*=} ;;
    degree=*) degree=${word#*=} ;;
    *)
        echo "train.sh: $word is none of epochs= lr= momentum= decay= degree=" >&2
        exit 2
        ;;
    esac
done

if [ -z "${SWEEPRUN_CHECKPOINT:-}" ]; then # alone
    SWEEPRUN_CHECKPOINT=$(mktemp -d)
    trap 'rm -r "$SWEEPRUN_CHECKPOINT"' EXIT
fi
model=$SWEEPRUN_CHECKPOINT/model # the epoch and its metrics in the first line, then the weights

say() {
    read -r epoch loss val_loss val_acc <"$model"
    echo "epoch=$epoch loss=$loss val_loss=$val_loss val_acc=$val_acc"
}

epoch=0
if [ -s "$model" ]; then
    say # again: the end may have come between saving and saying so
else
    : >"$model"
fi
while [ "$epoch" -lt "$epochs" ] && [ "$epoch" -lt "${SWEEPRUN_UNTIL:-$epochs}" ]; do
    awk -f epoch.awk -v lr="$lr" -v momentum="$momentum" -v decay="$decay" -v degree="$degree" \
        "$model" iris.csv >"$model.new"
    mv "$model.new" "$model" # whenever the program is killed, one whole model is there
    say
done
