# SPDX-License-Identifier: GPL-3.0-or-later
#
# Markdown tables of a run, after stats.awk: what must hold, then each source and link, then what was left out.

function mib(bytes) { return sprintf("%.0f", bytes / 1048576) }

# best DISK LINK ONE OTHER: the least median time among the subjects of these kinds; its name in best_name
function best(disk, link, one, other,   i, k, t, found)
{
	found = 0
	for (i = 1; i <= subjects; i++) {
		k = key(disk, link, subject[i])
		if ((kind[subject[i]] != one && kind[subject[i]] != other) || !good(k))
			continue
		t = median(k, 7)
		if (!found || t < found) {
			found = t
			best_name = subject[i]
		}
	}
	return found
}

function holds(sign, measured, wanted)
{
	if (sign == "at least")
		return measured >= wanted
	if (sign == "over")
		return measured > wanted
	return measured <= wanted
}

# row WORDS SIGN WANTED MEASURED KNOWN FORMAT
function row(text, sign, wanted, measured, known, format)
{
	if (!known)
		printf "| %s | %s " format " | not measured | - |\n", text, sign, wanted
	else
		printf "| %s | %s " format " | " format " | %s |\n", text, sign, wanted, measured,
			holds(sign, measured, wanted) ? "yes" : "**no**"
}

# ratio A B FIELD: of the medians of two keys; known = whether both are there
function ratio(a, b, field)
{
	known = good(a) && good(b)
	return known && median(b, field) > 0 ? median(a, field) / median(b, field) : 0
}

function peer_row(disk, wanted, sign, one, other, text,   t, p)
{
	p = key(disk, "lo", "p2v")
	t = best(disk, "lo", one, other)
	row(text (t ? " (`" best_name "`)" : ""), sign, wanted, t && good(p) ? t / median(p, 7) : 0, t && good(p), "%.2f")
}

function must_hold(   p, r, k, i, link, rates)
{
	print "| what must hold | wanted | measured | holds |"
	print "|---|---:|---:|---|"
	p = key("a", "lo", "p2v")
	r = ratio(key("a", "lo", "virt-path"), p, 7)
	row("a, unlimited: times as fast as virt-p2v's transfer path", "at least", 5, r, known, "%.2f")
	peer_row("a", 1.5, "at least", "peer", "peer", "a, unlimited: times as fast as the best other peer that ends with a disk")
	peer_row("a", 1.5, "at least", "peer", "stored", "a, unlimited: the same, with those that only store an archive")
	r = ratio(key("a", "lo", "p2v-level1"), key("a", "lo", "partclone"), 10)
	row("a, unlimited: bytes on the wire to those of `partclone \\| zstd`, both at level 1", "at most", 1.05, r, known, "%.3f")
	r = ratio(key("b", "lo", "ssh-cat"), key("b", "lo", "p2v"), 7)
	row("b, unlimited: speed to that of `ssh cat`", "at least", 0.9, r, known, "%.2f")
	peer_row("b", 1, "over", "peer", "peer", "b, unlimited: times as fast as the best peer that ends with a disk")
	peer_row("b", 1, "over", "virt", "stored", "b, unlimited: the same, against virt-p2v's path and stored archives")
	r = ratio(key("c", "lo", "p2v"), key("c4", "lo", "p2v"), 7)
	row("c, unlimited: time to that of the same files on 4 GiB", "at most", 1.2, r, known, "%.2f")
	k = key("c", "lo", "p2v")
	# A bitmap has a bit for each 64 KiB: 2 MiB for a TiB.
	r = 2 * disk_size["c"] / 1099511627776
	row("c, unlimited: MiB of memory, agent", "at most", 128, good(k) ? most(k, 11) / 1024 : 0, good(k), "%.0f")
	row("c, unlimited: MiB of memory, server", "at most", 256 + r, good(k) ? most(k, 12) / 1024 : 0, good(k), "%.0f")
	split("1g 100m", rates, " ")
	for (i = 1; i <= 2; i++) {
		link = rates[i]
		k = key("b", link, "p2v")
		r = good(k) ? median(k, 10) * 8 / median(k, 7) / link_rate[link] : 0
		row("b, " link_words[link] ": of the link, by bytes on the wire", "at least", 0.95, r, good(k), "%.3f")
	}
	for (i = 1; i <= 2; i++) {
		link = rates[i]
		k = key("a", link, "p2v")
		r = good(k) ? disk_used["a"] * 8 / median(k, 7) / link_rate[link] : 0
		row("a, " link_words[link] ": used bytes to what the link carries raw", "at least", 2, r, good(k), "%.2f")
	}
	r = ratio(key("e", "lo", "p2v"), key("e1", "lo", "p2v"), 7)
	row("e, unlimited: time to that of as much in one piece", "at most", 1.3, r, known, "%.2f")
}

function table(disk, link,   i, k, p, t)
{
	printf "\n### Source %s; %s\n\n", source_words[disk], link_words[link]
	printf "%s MiB, %s MiB of them in use.\n\n", mib(disk_size[disk]), mib(disk_used[disk])
	printf "![Seconds, source %s, %s](charts/%s-%s.svg)\n\n", disk, link_words[link], disk, link
	print "| subject | seconds | least to most | to p2v | used MiB/s | processor s, near + far | MiB on the wire | " \
		"MiB of memory, near, far | result MiB | check |"
	print "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|"
	p = key(disk, link, "p2v")
	for (i = 1; i <= subjects; i++) {
		k = key(disk, link, subject[i])
		if (!(k in seen))
			continue
		if (k in failed) {
			printf "| `%s` | **%s** | | | | | | | | |\n", subject[i], failed[k]
			continue
		}
		if (!counted[k])
			continue
		t = median(k, 7)
		printf "| `%s` | %.2f | %.2f to %.2f | %s | %.0f | %.2f + %.2f | %s | %.0f, %.0f | %s | %s |\n",
			subject[i], t, least(k, 7), most(k, 7), good(p) ? sprintf("%.2f", t / median(p, 7)) : "-",
			disk_used[disk] / 1048576 / (t > 0 ? t : 1), median(k, 8), median(k, 9), mib(median(k, 10)),
			most(k, 11) / 1024, most(k, 12) / 1024, kind[subject[i]] == "limit" ? "-" : mib(median(k, 13)),
			value[k, 14, counted[k]]
	}
}

END {
	printf "%s, %s. %s.\n\n", note["date"], note["machine"], note["version"]
	printf "    %s\n\n", note["command"]
	if (note["load"] != "")
		printf "The load of the machine before it began: %s.\n\n", note["load"]
	must_hold()
	print "\n### The subjects\n"
	print "| subject | what it is | what is left at the far end |"
	print "|---|---|---|"
	for (i = 1; i <= subjects; i++)
		printf "| `%s` | %s | %s |\n", subject[i], words[subject[i]], result[subject[i]]
	for (i = 1; i <= pairs; i++) {
		split(pair[i], at, FS)
		table(at[1], at[2])
	}
	if (outs) {
		print "\n### What was left out\n"
		print "| source | link | subject | why |"
		print "|---|---|---|---|"
		for (i = 1; i <= outs; i++) {
			split(out[i], at, FS)
			printf "| %s | %s | `%s` | %s |\n", at[1], link_words[at[2]], at[3], at[4]
		}
	}
}
