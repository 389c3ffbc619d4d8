#!/bin/sh
# A plugin and a program, linked with the shared library and with the static one, build against the installed tree, and run:
# the plugin keeps the contract, the programs get the same answer from the installed farm.
# usage: consumer.sh PREFIX WORKDIR cmake|pkgconfig
set -eu
prefix=$1
work=$2
consumer=$(cd "$(dirname "$0")/consumer" && pwd)
client=$QX_SOURCE_DIR/examples/pi.c

build_cmake() {
    "$QX_CMAKE" -S "$consumer" -B "$work" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$work" -DCLIENT_SOURCE="$client"
    "$QX_CMAKE" --build "$work"
}

pkg() {
    PKG_CONFIG_PATH=$prefix/$QX_LIBDIR/pkgconfig pkg-config "$@" quincunx
}

# shellcheck disable=SC2046,SC2086 # flags are lists of words
build_pkgconfig() {
    "$CC" -Wall -Wextra -Werror $CFLAGS $(pkg --cflags) $(pkg --variable=plugin_cflags) \
        "$consumer/dice.c" -o "$work/qx_dice.so"
    "$CC" $CFLAGS $(pkg --cflags) "$client" $(pkg --libs) -o "$work/client"
    "$CC" $CFLAGS $(pkg --cflags) "$client" $(pkg --static --libs | sed 's/-lquincunx/-l:libquincunx.a/') \
        -o "$work/client_static"
}

rm -rf "$work"
mkdir -p "$work"
"build_$3"

unset QX_BIN_DIR QX_PLUGIN_DIR
"$prefix/bin/qx-conform" "$work/qx_dice.so"
PATH=$prefix/bin:$PATH
export PATH
LD_LIBRARY_PATH=$prefix/$QX_LIBDIR "$work/client" >"$work/shared.txt"
cat "$work/shared.txt"
if ldd "$work/client_static" | grep libquincunx; then
    echo "client_static needs the shared library"
    exit 1
fi
"$work/client_static" >"$work/static.txt"
for which in shared static; do # they end in any order
    LC_ALL=C sort -o "$work/$which.txt" "$work/$which.txt"
done
diff -u "$work/shared.txt" "$work/static.txt"
