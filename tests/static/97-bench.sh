#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016  # back-quotes are Markdown's
#
# What tests/bench/report makes of recorded runs: medians, ratios and judgements are right, a failure is shown and never
# wins, charts are XML, and what was written by hand stays.
set -eu

. "$(dirname "$0")/tap"
tap_begin 5
recorded=tests/golden/bench/results.tsv
tests/bench/report $recorded >"$tap_dir/tables" 2>"$faults" || echo "report fails" >>"$faults"

# has LINE: the tables have this line, or one that begins so
has()
{
	grep -qF -- "$1" "$tap_dir/tables" || echo "not there: $1"
}
{
	has '| `p2v` | 3.00 | 2.00 to 4.00 | 1.00 | 1024 | 1.00 + 2.00 |'
	has '| `virt-path` | 15.00 | 12.00 to 18.00 | 5.00 |'
	has '| `p2v` | 15.00 | 10.00 to 20.00 |'
} >>"$faults"
judge "medians, spreads and ratios"

{
	has "| a, unlimited: times as fast as virt-p2v's transfer path | at least 5.00 | 5.00 | yes |"
	has 'that ends with a disk (`partclone`) | at least 1.50 | 1.33 | **no** |'
	has '| at most 1.050 | 1.040 | yes |'
	has '| b, unlimited: speed to that of `ssh cat` | at least 0.90 | 0.90 | yes |'
	has '| b, 1 Gbit/s: of the link, by bytes on the wire | at least 0.950 | 0.960 | yes |'
	has '| b, 100 Mbit/s: of the link, by bytes on the wire | at least 0.950 | not measured | - |'
} >"$faults"
judge "what must hold"

{
	has '| `rsync` | **failed: the result is wrong** |'
	has '| a | 100 Mbit/s | `dd` | a run needs at least 687 s |'
} >"$faults"
judge "what failed or was left out is said"

mkdir "$tap_dir/docs"
printf 'by hand\n<!-- results:begin -->\nold\n<!-- results:end -->\nthe end\n' >"$tap_dir/docs/benchmarks.md"
{
	tests/bench/report $recorded "$tap_dir/docs" 2>&1 || echo "report fails"
	head -n 1 "$tap_dir/docs/benchmarks.md" | grep -qx 'by hand' || echo "the first line is gone"
	tail -n 1 "$tap_dir/docs/benchmarks.md" | grep -qx 'the end' || echo "the last line is gone"
	! grep -x old "$tap_dir/docs/benchmarks.md" || echo "the old results are still there"
	sed '1,/results:begin/d; /results:end/,$d' "$tap_dir/docs/benchmarks.md" | sed '1d; $d' | diff - "$tap_dir/tables" || :
} >"$faults"
judge "the tables stand between the marks"

for chart in a-lo b-lo b-1g; do
	grep -q '<rect class="ours"' "$tap_dir/docs/charts/$chart.svg" || echo "$chart.svg has no bar"
	! command -v xmllint >/dev/null || xmllint --noout "$tap_dir/docs/charts/$chart.svg" 2>&1 || :
done >"$faults"
judge "each source and link has a chart"
