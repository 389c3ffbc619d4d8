#!/bin/sh
# Fuzzes one target for $QX_FUZZ_SECONDS (default 20), from its corpus and what earlier runs have found; an input that
# breaks it is left in WORKDIR and named.
# usage: fuzz.sh TARGET WORKDIR CORPUS
set -eu
target=$1
work=$2
corpus=$3
seconds=${QX_FUZZ_SECONDS:-20}
n=$(find "$corpus" -type f | wc -l)
[ "$n" -gt 0 ] || { echo "no seeds in $corpus"; exit 1; }
mkdir -p "$work/found"
echo "fuzzing for $seconds s from $n seeds"
if ! "$target" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 "-artifact_prefix=$work/" -print_final_stats=1 \
    "$work/found" "$corpus" >"$work/log" 2>&1; then
    tail -n 40 "$work/log"
    exit 1
fi
grep '^stat::number_of_executed_units' "$work/log"
