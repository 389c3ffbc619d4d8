#!/bin/sh
# What qx-conform says of good and bad tasks. A plugin is a file; hang and alloc are for the worker's tests.
set -eu
conform="$QX_BIN_DIR/qx-conform"
dir="$QX_TEST_PLUGIN_DIR"
failed=0

# expect STATUS TEXT ARGS...: qx-conform ARGS exits with STATUS and says TEXT
expect() {
    status=$1
    text=$2
    shift 2
    rc=0
    out=$("$conform" "$@" 2>&1) || rc=$?
    if [ "$rc" != "$status" ] || ! printf '%s\n' "$out" | grep -qF -- "$text"; then
        printf 'qx-conform %s: exit %s (expected %s), expected to say "%s", said:\n%s\n' "$*" "$rc" "$status" "$text" "$out"
        failed=1
    fi
}

data=$(mktemp)
trap 'rm -f "$data"' EXIT
printf 'LSAT,name\n576,a\n635,b\n' >"$data"

expect 0 "of 9 tasks 8 conform, 0 fail, 1 skipped" "$dir/good.so"
expect 0 "of 1 tasks 1 conform" "$dir/good.so" t.data "data=$data" column=LSAT
expect 1 "did you mean 'LSAT'" "$dir/good.so" t.data "data=$data" column=LSAR
expect 0 "of 1 tasks 1 conform" -n 7 -s 3 "$dir/good.so" t.own
expect 1 "the task crashed: Segmentation fault" "$dir/hostile.so" bad.crash
expect 1 "ended its process with status 7" "$dir/hostile.so" bad.exit
expect 1 "not done within 1 s" -t 1 "$dir/hostile.so" bad.hang
expect 1 "an item gives the same row twice: item 0, output 'x': 1 alone, " "$dir/hostile.so" bad.random
expect 0 "of 1 tasks 1 conform" "$dir/hostile.so" bad.honest
expect 1 "in blocks of any split: item 8, output 'x'" "$dir/hostile.so" bad.split
expect 1 "which it does not declare" "$dir/hostile.so" bad.names
expect 1 "all 2000 items failed; the first: undefined ? here" "$dir/hostile.so" bad.allfail
expect 1 "leaves 1 parts of its answer open" "$dir/hostile.so" bad.finish
expect 1 "at=0 makes no sense" "$dir/hostile.so" bad.open
expect 1 "plugin ABI version" "$dir/bad/bad_abi.so"
expect 1 "not a shared object" "$dir/bad/bad_text.so"
expect 2 "did you mean 't.map'" "$dir/good.so" t.mop
expect 2 "usage: qx-conform"
expect 2 "'scale' is not name=value" "$dir/good.so" t.map scale
expect 2 "there must be at least 1" -n 0 "$dir/good.so"
exit $failed
