#!/bin/sh
# Hands a notification of Nagios or Icinga 2 to Tocsin. integrations/sources/nagios.md tells how to set it up.
#
#     nagios-notify.sh CONFIG NAME=VALUE...
#
# CONFIG is a file of options for curl that names the address; so neither it nor a token is in the list of processes.
# What a plugin has put out is encoded by curl: no shell reads it, and whatever it holds, it stays one value.
#
# Where Tocsin does not answer, or asks for patience, it is tried again in the background, for neither Nagios nor
# Icinga sends a notification twice, and both end a command that takes its time.

set -u

patience=${TOCSIN_NOTIFY_PATIENCE:-3000} # seconds until it is given up
pause=${TOCSIN_NOTIFY_PAUSE:-10}         # seconds between two tries

say() {
    echo "nagios-notify: $1" >&2
    logger -t nagios-notify -p daemon.err -- "$1" 2>/dev/null || true
}

# Sets `status`. Succeeds where the notification was taken.
try() {
    status=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 --config "$config" "$@")
    case $status in 2??) return 0 ;; *) return 1 ;; esac
}

# What is no answer (000), or one that asks to come again.
is_passing() {
    case $status in 000 | 408 | 429 | 5??) return 0 ;; *) return 1 ;; esac
}

persist() {
    waited=0
    while [ "$waited" -lt "$patience" ]; do
        sleep "$pause"
        waited=$((waited + pause))
        if try "$@"; then
            return
        fi
        is_passing || break
    done
    say "the notification is lost; Tocsin's last answer was $status"
}

if [ "$#" -lt 2 ] || [ ! -r "$1" ]; then
    say "usage: nagios-notify.sh CONFIG NAME=VALUE..., where CONFIG is a readable file of options for curl"
    exit 2
fi
config=$1
shift

count=$#
while [ "$count" -gt 0 ]; do
    set -- "$@" --data-urlencode "$1"
    shift
    count=$((count - 1))
done

if try "$@"; then
    exit 0
fi
if ! is_passing; then
    say "Tocsin answered $status; the address or the notification is not right"
    exit 1
fi
(
    trap '' HUP
    # By exec, which keeps no copy: whoever started this reads its output to the end before going on.
    exec </dev/null >/dev/null 2>&1
    persist "$@"
) &
