#!/bin/sh
# A plugin and a program build against the installed tree, and run: the plugin keeps the contract, the program gets
# its answers from the installed farm.
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
}

rm -rf "$work"
mkdir -p "$work"
"build_$3"

unset QX_BIN_DIR QX_PLUGIN_DIR
"$prefix/bin/qx-conform" "$work/qx_dice.so"
PATH=$prefix/bin:$PATH LD_LIBRARY_PATH=$prefix/$QX_LIBDIR "$work/client"
