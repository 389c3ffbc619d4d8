#!/bin/sh
# The library exports exactly the functions of symbols.txt, shared and static.
# After a wanted change: QX_UPDATE=1 ctest -R symbols
# usage: symbols.sh PREFIX WORKDIR
set -eu
list=$(dirname "$0")/symbols.txt
mkdir -p "$2"
# exported NM-OPTION FILE: its global names, but for those of instrumented builds.
exported() {
    nm "$1" --defined-only "$2" | awk '$2 ~ /[TDBRVW]/ { print $3 }' | sed 's/@.*//' |
        grep -v '^__\(asan\|odr_asan\|ubsan\|tsan\|gcov\|start\|stop\)' | LC_ALL=C sort
}
exported -D "$1/$QX_LIBDIR/libquincunx.so" >"$2/exported.txt"
exported -g "$1/$QX_LIBDIR/libquincunx.a" >"$2/static.txt"
if grep -v '^qx_' "$2/exported.txt"; then
    echo "exported without the prefix qx_"
    exit 1
fi
[ -z "${QX_UPDATE:-}" ] || cp "$2/exported.txt" "$list"
diff -u "$list" "$2/exported.txt"
diff -u "$list" "$2/static.txt"
