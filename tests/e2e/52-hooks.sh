#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# The hooks that come with p2v, with clients of databases and a service manager that only write down what they are told.  The
# client of MySQL holds its session open as the real one does.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root to run as the database's user"; exit 0; }
e2e_want setsid runuser
e2e_begin 22 120
hooks=$e2e_top/p2v-agent/quiesce/hooks
export P2V_HOOKS_CONF="$e2e_dir/hooks.conf" P2V_HOOKS_RUN="$e2e_dir/run"
log=$e2e_dir/log
bin=$e2e_dir/bin
mkdir "$bin"
PATH=$bin:$PATH
: >"$log"
chmod 666 "$log"

# fake NAME BODY
fake()
{
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod 755 "$bin/$1"
}
# ran NAME WORD: its status
ran()
{
	ran_status=0
	"$hooks/$1" "$2" >"$e2e_dir/out" 2>"$e2e_dir/err" || ran_status=$?
	echo $ran_status
}

# ---- PostgreSQL

fake psql "echo \"\$(id -un) \$*\" >>'$log'; case \"\$*\" in *5433*) exit 2 ;; esac"
printf 'POSTGRESQL_USER=nobody\nPOSTGRESQL_PORTS="5432 5433"\n' >"$e2e_dir/hooks.conf"
is "a cluster that is down does not stop it" "$(ran postgresql freeze)" 0
check "but is told" grep -q "port 5433: no checkpoint" "$e2e_dir/err"
is "the other is asked for a checkpoint" "$(grep -c '^nobody .*--port 5432 .*--command CHECKPOINT$' "$log")" 1
: >"$log"
is "afterwards there is nothing to do" "$(ran postgresql thaw)$(cat "$log")" 0

# A real one, where it is installed.
rm "$bin/psql"
pg=
for pg_bin in /usr/lib/postgresql/*/bin; do
	pg=$pg_bin
done
if [ -n "$pg" ] && [ -x "$pg/initdb" ] && id postgres >/dev/null 2>&1; then
	mkdir "$e2e_dir/pg"
	chown postgres "$e2e_dir/pg"
	echo 'POSTGRESQL_PORTS=5997' >"$e2e_dir/hooks.conf"
	export PGHOST="$e2e_dir/pg"
	as_postgres()
	{
		(cd / && runuser -u postgres -- "$@" >>"$e2e_dir/pg.log" 2>&1)
	}
	last_checkpoint()
	{
		"$pg/pg_controldata" "$e2e_dir/pg/data" | sed -n 's/^Latest checkpoint location: *//p'
	}
	as_postgres "$pg/initdb" --no-sync -D "$e2e_dir/pg/data" || note "no cluster: $(tail -n 1 "$e2e_dir/pg.log")"
	e2e_at_exit "as_postgres $pg/pg_ctl -D $e2e_dir/pg/data -m immediate stop"
	check "a cluster of PostgreSQL" as_postgres "$pg/pg_ctl" -w -D "$e2e_dir/pg/data" \
		-o "-p 5997 -c listen_addresses= -c unix_socket_directories=$e2e_dir/pg" start
	before=$(last_checkpoint)
	as_postgres psql -p 5997 -d postgres -c 'CREATE TABLE t AS SELECT generate_series(1, 1000)' || :
	is "the hook is content" "$(ran postgresql freeze)$(cat "$e2e_dir/err")" 0
	check "its checkpoint is in the files" test "$before" != "$(last_checkpoint)"
	unset PGHOST
else
	skip 3 "PostgreSQL is not installed"
fi

# ---- MySQL

# shellcheck disable=SC2016 # for the fake
fake mariadb 'case "$*" in
*KILL*) echo "kill ${*##*KILL }" >>"'"$log"'" ;;
*FLUSH*) [ ! -e "'"$e2e_dir"'/refuse" ] || { echo "ERROR 1045 Access denied"; exit 1; }
	echo "lock" >>"'"$log"'"; sleep 0.5; echo "held 42"; exec sleep 300 ;;
esac'
echo 'MYSQL_OPTIONS="--user backup"' >"$e2e_dir/hooks.conf"
: >"$log"
is "the lock is taken" "$(ran mysql freeze)" 0
read -r session <"$e2e_dir/run/mysql.pid"
e2e_at_exit "kill -9 -- -$session 2>/dev/null"
check "its session goes on" kill -0 "$session"
is "without the hook's process group" "$(ps -o pgid= -p "$session" | tr -d ' ')" "$session"
is "thawed" "$(ran mysql thaw)" 0
is "the server is told, and nobody else" "$(tr '\n' ' ' <"$log")" "lock kill 42 "
check "the session is gone" wait_for 20 sh -c "! kill -0 $session"
is "once more is nothing" "$(ran mysql thaw)$(tail -n 1 "$log")" "0kill 42"
: >"$e2e_dir/refuse"
is "no lock stops it" "$(ran mysql freeze)" 1
is "and the reason is said" "$(cat "$e2e_dir/err")" "no lock: ERROR 1045 Access denied"

# ---- services

# shellcheck disable=SC2016 # for the fake
fake service 'case "$2" in
status) [ -e "'"$e2e_dir"'/up.$1" ] ;;
stop) echo "stop $1" >>"'"$log"'"; rm "'"$e2e_dir"'/up.$1"; [ "$1" != bad ] ;;
start) echo "start $1" >>"'"$log"'"; : >"'"$e2e_dir"'/up.$1" ;;
esac'
# The same, where systemd runs.
# shellcheck disable=SC2016 # for the fake
fake systemctl 'case "$1" in is-active) exec service "$3" status ;; *) exec service "$2" "$1" ;; esac'
echo 'STOP_SERVICES="web off db"' >"$e2e_dir/hooks.conf"
: >"$log"
touch "$e2e_dir/up.web" "$e2e_dir/up.db"
is "services are stopped" "$(ran service-stop freeze)" 0
is "those that ran" "$(tr '\n' ' ' <"$log")" "stop web stop db "
is "and started" "$(ran service-stop thaw)" 0
is "in reverse" "$(tr '\n' ' ' <"$log")" "stop web stop db start db start web "
echo 'STOP_SERVICES="web bad db"' >"$e2e_dir/hooks.conf"
touch "$e2e_dir/up.bad"
: >"$log"
is "one that does not stop" "$(ran service-stop freeze) $(ran service-stop thaw)" "1 0"
is "is started again" "$(tr '\n' ' ' <"$log")" "stop web stop bad start bad start web "
