#!/usr/bin/env bash
# A PostgreSQL of the tests' own: one folder that holds its data, socket and settings, and nothing outside of it.
#
#   scripts/postgres.sh programs                       print the folder of PostgreSQL's server programs, or fail
#   scripts/postgres.sh install                        install them and PgBouncer with apt, without any server being started
#   scripts/postgres.sh create LOG [SETTING=VALUE]...  make a cluster, start it, print its folder
#   scripts/postgres.sh standby OF LOG [SETTING=VALUE]...  make a hot standby of the cluster in the folder OF, print its folder
#   scripts/postgres.sh promote FOLDER                 let a standby take writes from now on
#   scripts/postgres.sh rejoin FOLDER OF               make a standby of OF from what was its primary, with pg_rewind
#   scripts/postgres.sh start FOLDER                   start it again, after a stop or a crash
#   scripts/postgres.sh stop FOLDER
#   scripts/postgres.sh remove FOLDER                  stop it and remove its folder
#
# FOLDER/url is the URL of a plain role, `denizen`: it may create databases, and is no superuser and subject to
# row-level security, as in production. LOG receives what the server says. The cluster is made for tests: unless the
# settings say otherwise (`fsync=on full_page_writes=on`), it does not survive a power cut.
#
# PostgreSQL refuses to run as root; run by root, the cluster belongs to `postgres`, or to `nobody` where that is missing.
set -uo pipefail

readonly OLDEST=13
# These would lead initdb and psql to somebody else's server.
unset "${!PG@}"
export LC_ALL=C

die() {
    echo "postgres.sh: $*" >&2
    exit 1
}

# ---- The programs ------------------------------------------------------------------------------

is_usable() {
    local program version
    for program in initdb pg_basebackup pg_ctl pg_rewind postgres psql; do
        [[ -x $1/$program ]] || return 1
    done
    version=$("$1/postgres" --version | sed -nE 's/^postgres \(PostgreSQL\) ([0-9]+).*/\1/p')
    [[ -n $version && $version -ge $OLDEST ]]
}

# Debian keeps the server programs out of PATH, one folder for each version.
programs() {
    local folder
    while read -r folder; do
        is_usable "$folder" && { echo "$folder"; return 0; }
    done < <(
        pg_config --bindir 2>/dev/null
        printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
        tr ':' '\n' <<<"$PATH"
    )
    return 1
}

# The package makes and starts a cluster on port 5432 unless it is told not to, for the time of this installation only.
install() {
    command -v apt-get >/dev/null || die "PostgreSQL is missing and this is no Debian"
    local as_root=() settings=/etc/postgresql-common/createcluster.d rule=/usr/sbin/policy-rc.d ours='' status=0
    [[ $(id -u) -eq 0 ]] || as_root=(sudo)
    "${as_root[@]}" mkdir -p "$settings" || return 1
    echo 'create_main_cluster = false' | "${as_root[@]}" tee "$settings/denizen-tests.conf" >/dev/null || return 1
    # PgBouncer's would start its service; where somebody has made such a rule already, that one holds.
    if [[ ! -e $rule ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$rule" >/dev/null && "${as_root[@]}" chmod +x "$rule" || return 1
        ours=$rule
    fi
    "${as_root[@]}" apt-get update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql pgbouncer
    status=$?
    "${as_root[@]}" rm -f "$settings/denizen-tests.conf" ${ours:+"$ours"}
    return $status
}

# ---- A cluster ---------------------------------------------------------------------------------

owner=
if [[ $(id -u) -eq 0 ]]; then
    owner=nobody
    id -u postgres >/dev/null 2>&1 && owner=postgres
fi

# as_owner COMMAND…: from `/`, because whoever owns the cluster need not be able to enter the caller's folder.
as_owner() (
    cd / || exit 1
    if [[ -n $owner ]]; then
        exec setpriv --reuid="$(id -u "$owner")" --regid="$(id -g "$owner")" --clear-groups -- "$@"
    fi
    exec "$@"
)

# A folder that the owner can reach: neither below a home of root's, nor so deep that the socket's path gets too long.
new_folder() {
    local parent folder
    for parent in "${TMPDIR:-/tmp}" /tmp; do
        [[ ${#parent} -le 60 ]] || continue
        folder=$(mktemp -d "$parent/denizen-postgres.XXXXXX") || continue
        [[ -z $owner ]] || chown "$owner:$(id -g "$owner")" "$folder" || return 1
        as_owner test -w "$folder" && { echo "$folder"; return 0; }
        rmdir "$folder"
    done
    return 1
}

create() {
    local log=$1 folder
    shift
    folder=$(new_folder) || die "no folder for a cluster in ${TMPDIR:-/tmp} or /tmp"
    trap 'remove "$folder"; exit 130' INT TERM
    if ! { ln -s "$(realpath -m "$log")" "$folder/log" && fill "$folder" "$@" && begin "$folder" && add_role "$folder"; } >&2; then
        remove "$folder" >&2
        die "no cluster could be made; see $log"
    fi
    echo "$folder"
}

fill() {
    local folder=$1 data="$1/data"
    shift
    # Not synced to the disk: a cluster that a power cut takes away is made again.
    as_owner "$bin/initdb" --pgdata="$data" --username=postgres --encoding=UTF8 --locale=C --no-sync \
        --auth=reject --no-instructions >>"$folder/log" 2>&1 || return 1
    # The superuser has no password and comes in through the socket alone, whose folder is the owner's.
    printf '%s\n' 'local all postgres trust' 'local replication postgres trust' 'host all all 127.0.0.1/32 scram-sha-256' >"$data/pg_hba.conf"
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '$folder'"
        # Several engines with a pool each, and many tests at once.
        echo "max_connections = 400"
        echo "shared_buffers = '128MB'"
        echo "fsync = off"
        echo "full_page_writes = off"
        echo "synchronous_commit = on"
        echo "password_encryption = 'scram-sha-256'"
        echo "log_line_prefix = '%m [%p] %q%d '"
        settings "$@"
    } >>"$data/postgresql.conf"
    [[ -z $owner ]] || chmod 0700 "$folder"
}

settings() {
    local setting
    for setting in "$@"; do
        echo "${setting%%=*} = '${setting#*=}'"
    done
}

# It follows its primary through the socket, and has the same role with the same password.
standby() {
    local of=$1 log=$2 folder
    shift 2
    folder=$(new_folder) || die "no folder for a cluster in ${TMPDIR:-/tmp} or /tmp"
    trap 'remove "$folder"; exit 130' INT TERM
    if ! { ln -s "$(realpath -m "$log")" "$folder/log" && copy "$of" "$folder" "$@" && begin "$folder"; } >&2; then
        remove "$folder" >&2
        die "no standby could be made; see $log"
    fi
    (umask 077 && sed -E "s/:[0-9]+\/postgres$/:$(<"$folder/port")\/postgres/" "$of/url" >"$folder/url")
    echo "$folder"
}

copy() {
    local of=$1 folder=$2
    shift 2
    as_owner "$bin/pg_basebackup" --pgdata="$folder/data" --host="$of" --port="$(<"$of/port")" --username=postgres \
        --checkpoint=fast --no-sync --write-recovery-conf >>"$folder/log" 2>&1 || return 1
    { settings "unix_socket_directories=$folder" "$@"; } >>"$folder/data/postgresql.conf"
    [[ -z $owner ]] || chmod 0700 "$folder"
}

promote() {
    as_owner "$bin/pg_ctl" --pgdata="$1/data" --wait --timeout=60 --silent promote >>"$1/log" 2>&1
}

# A primary that was replaced, dead or alive, goes back to where the ways parted. pg_rewind copies the settings' files, too.
rejoin() {
    local folder=$1 of=$2 socket
    socket="host=$of port=$(<"$of/port") user=postgres dbname=postgres"
    {
        stop "$folder" &&
            # Until its next checkpoint a promoted server does not say in its files that it was promoted.
            as_owner "$bin/psql" --dbname="$socket" --no-psqlrc --quiet --command=CHECKPOINT &&
            as_owner "$bin/pg_rewind" --target-pgdata="$folder/data" --source-server="$socket" --write-recovery-conf --no-sync
    } >>"$folder/log" 2>&1 || return 1
    settings "unix_socket_directories=$folder" "port=$(<"$folder/port")" >>"$folder/data/postgresql.conf"
    start "$folder"
}

# Ports are tried, and kept over a restart. They lie below the range that outgoing connections take theirs from, so
# that none of those sits on the port while the server is down.
begin() {
    local folder=$1 port
    for _ in {1..20}; do
        port=$((20000 + RANDOM % 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        echo "port = $port" >>"$folder/data/postgresql.conf"
        echo "$port" >"$folder/port"
        start "$folder" && return 0
        grep -q 'could not bind' "$folder/log" || return 1
    done
    return 1
}

add_role() {
    local folder=$1 port password
    port=$(<"$folder/port")
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    as_owner "$bin/psql" --host="$folder" --port="$port" --username=postgres --dbname=postgres --no-psqlrc --quiet \
        --set=ON_ERROR_STOP=1 --command="CREATE ROLE denizen LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS PASSWORD '$password'" || return 1
    (umask 077 && echo "postgres://denizen:$password@127.0.0.1:$port/postgres" >"$folder/url")
}

# is_ours FOLDER: whether `create` made it, since `remove` removes all of it.
is_ours() { [[ ${1##*/} == denizen-postgres.* && -L $1/log ]]; }

# A server that was killed leaves its pid behind in two files. PostgreSQL sees by itself that it is gone, but not while
# nobody has collected the dead process, which in a container without an init may be for ever.
forget_the_dead() {
    local folder=$1 lock pid
    for lock in "$folder/data/postmaster.pid" "$folder"/.s.PGSQL.*.lock; do
        pid=$(head -n 1 "$lock" 2>/dev/null) && grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null && rm -f "$lock"
    done
    return 0
}

# pg_ctl hands its streams on to the server, which thus writes a log that its user may not open.
start() {
    local folder=$1
    forget_the_dead "$folder"
    as_owner "$bin/pg_ctl" --pgdata="$folder/data" --wait --timeout=60 --silent start >>"$folder/log" 2>&1 </dev/null
}

stop() {
    local folder=$1
    forget_the_dead "$folder"
    as_owner "$bin/pg_ctl" --pgdata="$folder/data" status >/dev/null 2>&1 || return 0
    as_owner "$bin/pg_ctl" --pgdata="$folder/data" --wait --timeout=60 --silent --mode=fast stop >>"$folder/log" 2>&1 ||
        as_owner "$bin/pg_ctl" --pgdata="$folder/data" --wait --timeout=60 --silent --mode=immediate stop >>"$folder/log" 2>&1
}

remove() {
    stop "$1" || die "the server in $1 does not stop"
    rm -rf "$1"
}

# ------------------------------------------------------------------------------------------------

command=${1:-}
[[ $# -gt 0 ]] && shift
case $command in
programs | install) ;;
create)
    [[ $# -ge 1 ]] || die "create wants the name of a log"
    ;;
standby)
    [[ $# -ge 2 ]] || die "standby wants the folder of its primary and the name of a log"
    is_ours "$1" || die "$1 is no folder that this script made"
    ;;
start | stop | promote | remove)
    [[ $# -eq 1 ]] || die "$command wants a folder"
    is_ours "$1" || die "$1 is no folder that this script made"
    ;;
rejoin)
    [[ $# -eq 2 ]] || die "rejoin wants the folder of a cluster and that of its new primary"
    is_ours "$1" || die "$1 is no folder that this script made"
    is_ours "$2" || die "$2 is no folder that this script made"
    ;;
*)
    sed -n '2,12p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2
    exit 2
    ;;
esac
if [[ $command != programs && $command != install ]]; then
    bin=$(programs) || die "PostgreSQL's server programs ($OLDEST or later) are not installed"
fi
"$command" "$@"
