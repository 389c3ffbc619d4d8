#!/bin/sh
# The template plugin builds outside the tree, both ways, against what is installed; it keeps the contract; and the guide
# shows it as it is. usage: template.sh PREFIX WORK_DIR
set -eu
prefix=$1
work=$2
template="$QX_SOURCE_DIR/packaging/plugin-template"
rm -rf "$work"
mkdir -p "$work"
cp "$template/template.c" "$template/Makefile" "$template/CMakeLists.txt" "$work"
cd "$work"

# The block of the guide that begins with the template's first line.
awk -v first="$(head -n 1 template.c)" '/^```/ { on = 0 } $0 == first { on = 1 } on' \
    "$QX_SOURCE_DIR/docs/writing-tasks.md" >guide.c
diff -u template.c guide.c || { echo "docs/writing-tasks.md does not show template.c as it is"; exit 1; }

PKG_CONFIG_PATH="$(dirname "$(find "$prefix" -name quincunx.pc)")"
export PKG_CONFIG_PATH
make CFLAGS='-Wall -Wextra -Werror'
"${QX_CMAKE:-cmake}" -S . -B build >cmake.log 2>&1 || { cat cmake.log; exit 1; }
"${QX_CMAKE:-cmake}" --build build >cmake.log 2>&1 || { cat cmake.log; exit 1; }
"$prefix/bin/qx-conform" my_tasks.so
"$prefix/bin/qx-conform" build/my_tasks.so my.birthday people=30
