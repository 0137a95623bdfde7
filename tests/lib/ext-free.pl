# SPDX-License-Identifier: GPL-3.0-or-later
#
# ext_free(FILE): what holds nothing in an ext2/3/4 at rest, as [FROM, TO] in bytes, ascending; by e2fsprogs' own programs.
#
# Blocks that are free; whole blocks at the end of a group's inode table whose inodes were never used, where descriptors
# have checksums; and all but the first block of a journal that is empty, where metadata has checksums.

use strict;
use warnings;

sub ext_free {
	my ($file) = @_;
	my ($bs, $inode, $checksums, $empty, $table_end, @free) = (0, 0, '', 0, 0);
	my $add = sub { push @free, [$_[0] * $bs, ($_[1] + 1) * $bs]; };

	open(my $dump, '-|', "dumpe2fs $file 2>/dev/null") or die "dumpe2fs: $!\n";
	while (<$dump>) {
		$bs = $1 if /^Block size:\s+(\d+)/;
		$inode = $1 if /^Inode size:\s+(\d+)/;
		$checksums = $1 if /^Filesystem features:.* (metadata_csum|uninit_bg)\b/;
		$empty = 1 if /^Journal start:\s+0$/;
		$table_end = $1 if /^  Inode table at \d+-(\d+)/;
		if (/ (\d+) unused inodes/ && $checksums) {
			my $blocks = int($1 / ($bs / $inode));
			$add->($table_end - $blocks + 1, $table_end) if $blocks;
		}
		next unless /^  Free blocks: (.+)/;
		for my $range (split /, /, $1) {
			my ($first, $last) = $range =~ /^(\d+)(?:-(\d+))?$/ or next;
			$add->($first, $last // $first);
		}
	}
	close($dump) or die "dumpe2fs failed on $file\n";
	if ($empty && $checksums eq 'metadata_csum') {
		my $map = `debugfs -R 'stat <8>' $file 2>/dev/null`;

		$? == 0 or die "debugfs failed on $file\n";
		# (FIRST-LAST):BLOCK-BLOCK, numbered within the journal, whose superblock is number 0
		while ($map =~ /\((\d+)(?:-\d+)?\):(\d+)(?:-(\d+))?/g) {
			my ($number, $first, $last) = ($1, $2, $3 // $2);
			$first++ if $number == 0;
			$add->($first, $last) if $first <= $last;
		}
	}
	return sort { $a->[0] <=> $b->[0] } @free;
}

1;
