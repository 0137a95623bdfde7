# SPDX-License-Identifier: GPL-3.0-or-later
#
# One bar chart as SVG, after stats.awk: the median seconds of one source (-v disk=) and link (-v link=), fastest first.
# Colours follow the reader's light or dark; the numbers stand beside the bars.

END {
	n = 0
	for (i = 1; i <= subjects; i++) {
		k = key(disk, link, subject[i])
		if (!good(k))
			continue
		t = median(k, 7)
		for (j = n++; j >= 1 && time[j] > t; j--) {
			time[j + 1] = time[j]
			name[j + 1] = name[j]
		}
		time[j + 1] = t
		name[j + 1] = subject[i]
	}
	left = 170
	full = 460
	height = 48 + 24 * n
	title = "Source " source_words[disk] ", " link_words[link] ": seconds, less is better"
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" viewBox=\"0 0 720 %d\" role=\"img\" aria-label=\"%s\">\n", height, title
	print "<style>"
	print "text { font: 13px sans-serif; fill: #1f2328 }"
	print ".title { font-weight: bold }"
	print ".ours { fill: #1a7f37 } .virt, .program { fill: #cf222e } .peer { fill: #57606a } .stored { fill: #8c959f } .limit { fill: #bf8700 }"
	print "@media (prefers-color-scheme: dark) {"
	print "text { fill: #e6edf3 }"
	print ".ours { fill: #3fb950 } .virt, .program { fill: #f85149 } .peer { fill: #8b949e } .stored { fill: #6e7681 } .limit { fill: #d29922 }"
	print "}"
	print "</style>"
	printf "<text class=\"title\" x=\"8\" y=\"22\">%s</text>\n", title
	for (i = 1; i <= n; i++) {
		y = 18 + 24 * i
		w = time[n] > 0 ? full * time[i] / time[n] : 0
		if (w < 1)
			w = 1
		printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s%s</text>\n", left - 8, y + 13, name[i],
			kind[name[i]] == "limit" ? " (limit)" : kind[name[i]] == "stored" ? " (archive)" : ""
		printf "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"17\" rx=\"2\"/>\n", kind[name[i]], left, y, w
		printf "<text x=\"%.1f\" y=\"%d\">%.2f</text>\n", left + w + 6, y + 13, time[i]
	}
	print "</svg>"
}
