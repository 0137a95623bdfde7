#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cppcheck over all of the product's C. What it gets wrong is listed, with reasons, in cppcheck.txt.
set -eu

. "$(dirname "$0")/tap"
want 1 cppcheck
tap_begin 1

# shellcheck disable=SC2046 # a list of words
cppcheck -j 2 --quiet --error-exitcode=1 --enable=warning,portability,performance --std=c11 \
	-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DP2V_VERSION=""' -I. \
	--suppressions-list=tests/static/cppcheck.txt --template='{file}:{line}: {severity} {id}: {message}' \
	$(awk '$1 == "floor" { print $3 }' docs/layers.txt) >"$tap_dir/out" 2>&1 || cp "$tap_dir/out" "$faults"
judge "cppcheck finds nothing that is not explained in cppcheck.txt"
