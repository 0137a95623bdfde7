#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# The agent in one file: made twice it is the same; it runs in a folder in which nothing else is, in old releases, without
# the system calls of newer kernels, and where no memory can be executed; it takes nothing of the host's libraries, gives
# what it starts the caller's environment, copies by SSH, converts hot, and leaves nothing behind.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$e2e_top/tests/lib/sshd.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root"; exit 0; }
[ -e /dev/loop-control ] || { echo "1..0 # SKIP there are no loop devices"; exit 0; }
e2e_want chroot debootstrap unshare setpriv strace readelf jq qemu-img mkfs.ext4 losetup curl sshd
e2e_begin 57 600
bundle=$e2e_dir/p2v-agent.bundle
store=$e2e_dir/store
empty=$e2e_dir/empty
old_kernel=$e2e_build/tests/tools/old-kernel
version=$(agent --version)
mkdir "$store" "$empty" "$empty/proc"
mounts_of_all()
{
	cut -d ' ' -f 5 /proc/self/mountinfo | grep -F -e "$e2e_dir" -e /run/p2v/bundle-e2e || :
}
mounts_of_all >"$e2e_dir/mounts"

# ---- it is made

must "one file is made" "$e2e_top/tools/agent-bundle" "$e2e_build/p2v-agent" "$bundle"
whole=$(ldd "$e2e_build/p2v-agent" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' |
	xargs stat -L -c %s "$e2e_build/p2v-agent" | awk '{ n += $1 } END { print int(n / 1024) }')
note "it has $(($(stat -c %s "$bundle") / 1024)) KiB; what is in it has $whole KiB"
again()
{
	mkdir "$e2e_dir/elsewhere"
	cp "$e2e_build/p2v-agent" "$e2e_dir/elsewhere/agent"
	touch -d 2001-01-01 "$e2e_dir/elsewhere/agent"
	(cd "$e2e_dir/elsewhere" && TMPDIR=$e2e_dir/elsewhere "$e2e_top/tools/agent-bundle" agent bundle) &&
		cmp "$bundle" "$e2e_dir/elsewhere/bundle"
}
check "made again at another place, it has the same bytes" again
no_interpreter()
{
	! readelf -lW "$bundle" | grep INTERP
}
check "it needs no loader" no_interpreter
cp "$bundle" "$empty/p2v-agent"

# ---- in a folder with nothing else

# inside ROOT PROGRAM...: with nothing but /proc. What is mounted meanwhile, and seen by us, is in $e2e_dir/more.
inside()
{
	# What is mounted in a namespace made from this one is seen here, unless care is taken: so it is on most machines.
	# shellcheck disable=SC2016
	DIR=$e2e_dir UNDER=${under:-} unshare --mount --propagation shared -- sh -euc 'root=$1; shift; rc=0
		mount --bind /proc "$root/proc"
		cut -d " " -f 5 /proc/self/mountinfo >"$DIR/mounts.before"
		$UNDER chroot "$root" "$@" || rc=$?
		cut -d " " -f 5 /proc/self/mountinfo | diff "$DIR/mounts.before" - >"$DIR/more" || :
		exit $rc' sh "$@"
}
# said PATTERN PROGRAM...: fails with one line of error, and no more
said()
{
	pattern=$1 rc=0
	shift
	"$@" >"$e2e_dir/said.out" 2>"$e2e_dir/said" || rc=$?
	cat "$e2e_dir/said"
	[ $rc -eq 1 ] && [ ! -s "$e2e_dir/said.out" ] && [ "$(wc -l <"$e2e_dir/said")" -eq 1 ] && grep -q -- "$pattern" "$e2e_dir/said"
}
# works PROGRAM...: says the version, and nothing on standard error
works()
{
	"$@" --version >"$e2e_dir/said.out" 2>"$e2e_dir/said" || { cat "$e2e_dir/said"; return 1; }
	cat "$e2e_dir/said" "$e2e_dir/said.out"
	[ ! -s "$e2e_dir/said" ] && [ "$(cat "$e2e_dir/said.out")" = "$version" ]
}
tells_the_machine()
{
	"$@" inventory --json >"$e2e_dir/told" || return 1
	jq -e '.hostname == "'"$(uname -n)"'" and .memory.usable > 0 and .cpu.online > 0' "$e2e_dir/told"
}

check "without /proc it says so" said 'error: there is no /proc here.*mount -t proc' chroot "$empty" /p2v-agent --version
for way in memory tmpfs; do
	P2V_BUNDLE_WAY=$way
	export P2V_BUNDLE_WAY
	check "$way: it runs where nothing else is" works inside "$empty" /p2v-agent
	check "$way: and tells the machine" tells_the_machine inside "$empty" /p2v-agent
	is "$way: nothing was mounted that we see" "$(cat "$e2e_dir/more")" ""
done
unset P2V_BUNDLE_WAY
check "an unknown way is refused" said 'P2V_BUNDLE_WAY=disk: memory or tmpfs' env P2V_BUNDLE_WAY=disk "$bundle" --version

# ---- kernels

# shellcheck disable=SC2016
no_executable_memory='mount -t proc proc /proc && echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"'
if [ -e /proc/sys/vm/memfd_noexec ]; then
	# The setting is one of the process ID namespace.
	check "it runs where no memory file may be executed" works \
		unshare --pid --fork --mount -- sh -c "$no_executable_memory" sh "$bundle"
	check "what does not run there says so" said 'cannot run the agent from memory: Permission denied' \
		unshare --pid --fork --mount -- sh -c "$no_executable_memory" sh env P2V_BUNDLE_WAY=memory "$bundle" --version
else
	e2e_not_here 2 "this kernel has no vm.memfd_noexec"
fi
under=$old_kernel
check "it runs without the system calls that came after 3.10" works inside "$empty" /p2v-agent
check "and tells the machine" tells_the_machine inside "$empty" /p2v-agent
under=
nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
# shellcheck disable=SC2086
{
	check "it runs for a user without rights" works $nobody "$bundle"
	check "on an old kernel it says that this needs root" said 'error: .*memory.*run it as root' "$old_kernel" $nobody "$bundle" --version
}

# ---- nothing of the host's

# A name service, and settings of OpenSSL, that would lead to the host's modules.
# shellcheck disable=SC2016
traced='printf "hosts: p2vtest files\npasswd: p2vtest files\n" >"$DIR/nsswitch" && mount --bind "$DIR/nsswitch" /etc/nsswitch.conf &&
	exec strace -qq -f -o "$DIR/trace" -e trace=file "$@"'
traced() # AGENT
{
	DIR=$e2e_dir unshare --mount -- sh -c "$traced" sh "$1" cold --server nobody@localhost:1 --retry-for 0 --no-input \
		--disk "$e2e_dir/source" --force system-left-out >/dev/null 2>&1 || :
	# A trace that does not reach the disk proves nothing.
	grep -q "$e2e_dir/source" "$e2e_dir/trace" || echo "it did not run" >>"$e2e_dir/trace"
	grep -E '\.so|openssl\.cnf|ossl-modules|did not run' "$e2e_dir/trace" | grep -vF /proc/self/fd/ >"$e2e_dir/foreign" || :
	cat "$e2e_dir/foreign"
}
truncate -s 24M "$e2e_dir/source"
mkfs.ext4 -qF -d "$e2e_top/docs" "$e2e_dir/source"
traced "$e2e_build/p2v-agent" >/dev/null
check "the installed agent looks for modules of the host" grep -q libnss_p2vtest "$e2e_dir/foreign"
is "the bundle asks for no library and no setting of one" "$(traced "$bundle")" ""
mkdir "$e2e_dir/bad"
: >"$e2e_dir/bad/libc.so.6"
check "LD_LIBRARY_PATH and LD_PRELOAD do not matter to it" works env LD_LIBRARY_PATH="$e2e_dir/bad" LD_PRELOAD=/nothing.so "$bundle"
# What it starts is as it was for the caller.
cat >"$e2e_dir/ask" <<END
#!/bin/sh
{ env | grep -E '^(LD_|OPENSSL|P2V_BUN|ASKED)' | sort; grep -c memfd /proc/self/maps; ls /proc/self/fd; cat /proc/\$PPID/comm; } >"$e2e_dir/asked" 2>&1
readlink /proc/\$PPID/ns/mnt >"$e2e_dir/namespace"
ls /proc/\$PPID/fd | awk '\$1 >= 100 && \$1 < 200' >"$e2e_dir/high"
exit 1
END
chmod +x "$e2e_dir/ask"
for way in memory tmpfs; do
	rm -f "$e2e_dir/asked"
	ASKED=yes LD_BIND_NOW=1 OPENSSL_CONF=/etc/some.cnf P2V_BUNDLE_WAY=$way "$bundle" cold --connect-command "exec $e2e_dir/ask" --no-input \
		--disk "$e2e_dir/source" --force system-left-out >/dev/null 2>&1 || :
	is "$way: what it starts has the caller's environment and descriptors" "$(tr '\n' ' ' <"$e2e_dir/asked")" \
		"ASKED=yes LD_BIND_NOW=1 OPENSSL_CONF=/etc/some.cnf P2V_BUNDLE_WAY=$way 0 0 1 2 3 p2v-agent "
	is "$way: the agent is in the caller's mount namespace" "$(cat "$e2e_dir/namespace")" "$(readlink /proc/self/ns/mnt)"
	is "$way: and has closed what it was loaded from" "$(cat "$e2e_dir/high")" ""
done

# ---- old releases

# The agent that is installed, with its libraries beside it: the judge of the bundle.
mkdir "$e2e_dir/load"
cp "$e2e_build/p2v-agent" "$e2e_dir/load"
ldd "$e2e_build/p2v-agent" | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p' | xargs cp -L -t "$e2e_dir/load"
cp -L "$(ldd "$e2e_build/p2v-agent" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) (.*/\1/p')" "$e2e_dir/load/ld.so"
# What changes by itself.
steady()
{
	jq 'del(.recorded_at) | del(.. | .root_free?, .boot_free?, .used?, .usable?, .mounts?)' "$1"
}
same_inventory() # ROOT
{
	inside "$1" /p2v-agent inventory --json >"$e2e_dir/a" && steady "$e2e_dir/a" >"$e2e_dir/a.steady" || return 1
	inside "$1" /load/ld.so --library-path /load /load/p2v-agent inventory --json >"$e2e_dir/b" && steady "$e2e_dir/b" >"$e2e_dir/b.steady" || return 1
	grep -q '"os"' "$e2e_dir/a.steady" && diff "$e2e_dir/a.steady" "$e2e_dir/b.steady"
}
for release in bullseye xenial; do
	root=$e2e_dir/$release
	# Ubuntu is another mirror, which a host may not reach.
	mirror=$(bash -c '. "$1"; rig_mirror "$2"' sh "$e2e_rig/rig.sh" $release)
	if [ $release != bullseye ] && ! ls "$P2V_CACHE"/minimal-$release-* >/dev/null 2>&1 &&
	   ! curl -sfI --max-time 30 -o /dev/null "$mirror/dists/$release/Release"; then
		e2e_not_here 5 "$mirror is not reached"
		continue
	fi
	must "$release is there" "$e2e_rig/make-minimal-tree" $release "$root"
	cp "$bundle" "$root/p2v-agent"
	cp -r "$e2e_dir/load" "$root/load"
	note "$release: $(chroot "$root" /bin/sh -c 'ldd --version' 2>/dev/null | head -n 1)"
	check "$release: it runs" works inside "$root" /p2v-agent
	check "$release: and tells what the installed agent tells" same_inventory "$root"
	P2V_BUNDLE_WAY=tmpfs
	export P2V_BUNDLE_WAY
	under=$old_kernel
	check "$release: and so it does on an old kernel" same_inventory "$root"
	under=
	unset P2V_BUNDLE_WAY
	# What the loader would say of a library that it cannot preload.
	echo /no/such/library.so >"$root/etc/ld.so.preload"
	check "$release: /etc/ld.so.preload is for the host" works inside "$root" /p2v-agent
done

# ---- copies

sshd_start "$e2e_dir/ssh" "$e2e_build/p2v-server --store $store receive"
e2e_at_exit sshd_stop
cp "$e2e_dir/source" "$empty/disk.img"
cp "$sshd_identity" "$empty/key"
find "$empty" -path "$empty/proc" -prune -o -printf '%P %s %T@\n' | grep -v '^dev\|^ ' | sort >"$e2e_dir/empty.before"
copies() # JOB
{
	inside "$empty" /p2v-agent cold --server "$sshd_user@127.0.0.1:$sshd_port" --identity /key --host-key "$sshd_fingerprint" \
		--no-input --retry-for 10 --disk /disk.img,name=sda --name "$1" --force system-left-out &&
		qemu-img compare -q -f raw -F qcow2 "$e2e_dir/source" "$(show "$1" '.images[0].path')"
}
check "by SSH, from where nothing else is" copies memory
is "without a mount" "$(cat "$e2e_dir/more")" ""
# Kernels before 3.17 give randomness by a device only.
mkdir "$empty/dev"
mknod -m 666 "$empty/dev/random" c 1 8
mknod -m 666 "$empty/dev/urandom" c 1 9
under=$old_kernel
check "and on an old kernel" copies old
under=
is "without a mount, too" "$(cat "$e2e_dir/more")" ""
find "$empty" -path "$empty/proc" -prune -o -printf '%P %s %T@\n' | grep -v '^dev\|^ ' | sort >"$e2e_dir/empty.after"
check "nothing was written there" cmp "$e2e_dir/empty.before" "$e2e_dir/empty.after"

# ---- hot: a freeze, a watchdog, pins that everybody sees

disk=$(losetup --find --show "$e2e_dir/source")
mkdir "$e2e_dir/mnt"
e2e_at_exit "umount $e2e_dir/mnt 2>/dev/null; losetup --detach $disk"
mount "$disk" "$e2e_dir/mnt"
hot()
{
	"$bundle" hot --connect-command "$e2e_build/p2v-server --store $store receive" --no-input --disk "$disk,name=sda" \
		--force system-left-out --deadline 60s --hooks "$e2e_dir/hooks" --run-dir /run/p2v/bundle-e2e "$@"
}
e2e_at_exit "$e2e_build/p2v-agent track --remove --run-dir /run/p2v/bundle-e2e >/dev/null 2>&1 || :"
for way in memory tmpfs; do
	P2V_BUNDLE_WAY=$way
	export P2V_BUNDLE_WAY
	hot --name "hot-$way" --cutover on-command --interval 300ms >"$e2e_dir/hot.log" 2>&1 &
	agent=$!
	e2e_at_exit "kill $agent 2>/dev/null"
	check "$way: a hot copy keeps in sync" wait_for 60 grep -q 'round 2' "$e2e_dir/hot.log"
	check "$way: another process sees its tracker" sh -c "'$e2e_build/p2v-agent' track --status --run-dir /run/p2v/bundle-e2e"
	dd if=/dev/urandom of="$e2e_dir/mnt/late" bs=1M count=3 conv=fsync status=none
	server cutover "hot-$way" >/dev/null 2>&1
	rc=0
	wait $agent || rc=$?
	cp "$e2e_dir/hot.log" "$e2e_dir/check.out"
	is "$way: and comes to its end" "$rc" 0
	check "$way: with a sound tracker" grep -q 'the tracker is sound' "$e2e_dir/hot.log"
	check "$way: the machine lives" timeout 10 sh -c "echo >'$e2e_dir/mnt/alive' && sync -f '$e2e_dir/mnt'"
done
unset P2V_BUNDLE_WAY
has_late() # JOB
{
	qemu-img convert -O raw "$(show "$1" '.images[0].path')" "$e2e_dir/raw"
	# It replays the journal, which is to change something.
	e2fsck -fy "$e2e_dir/raw" >/dev/null || [ $? -eq 1 ] || return 1
	debugfs -R "dump /late $e2e_dir/late" "$e2e_dir/raw" 2>/dev/null && cmp "$e2e_dir/late" "$e2e_dir/mnt/late"
}
check "what was written late is in the image" has_late hot-tmpfs

# ---- the end

for way in memory tmpfs; do
	P2V_BUNDLE_WAY=$way "$bundle" cold --connect-command 'sleep 60' --no-input --disk "$e2e_dir/raw" --name k --force system-left-out \
		>/dev/null 2>&1 &
	agent=$!
	sleep 2
	check "$way: it runs" kill -0 $agent
	kill -9 $agent
	wait $agent 2>/dev/null || :
	# The command is the agent's child, which its death does not end.
	pkill -9 -P 1 -f '^sleep 60$' 2>/dev/null || :
done
umount "$e2e_dir/mnt"
mounts_of_all >"$e2e_dir/mounts.now"
check "no mount is left" diff "$e2e_dir/mounts" "$e2e_dir/mounts.now"
is "no process is left" "$(pgrep -f -- "--argv0 ($bundle|/p2v-agent)" || :)" ""
cp "$bundle" "$e2e_dir/damaged"
size=$(stat -c %s "$bundle")
printf 'damaged here' | dd of="$e2e_dir/damaged" bs=1 seek=$((size / 2)) conv=notrunc status=none
check "a damaged file says so" said 'this file is damaged: .* copy it again' "$e2e_dir/damaged" --version
