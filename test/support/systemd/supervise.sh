#!/bin/sh
# Boots systemd in its own namespaces, and ends it when stdin ends, which is when its starter ends.
# Runs in a mount namespace of its own, in which the folder $1 is free to be used; $2 names the control group; the rest is for boot.sh.
set -eu
scratch=$1
group=$2
shift 2

mount --make-rprivate /
# The unified hierarchy, also where the machine uses the old ones. systemd gets a group of its own, so that those which it
# makes are not the machine's, and nothing but it is in them.
mkdir -p "$scratch/cgroup"
mount -t cgroup2 cgroup2 "$scratch/cgroup"
mkdir "$scratch/cgroup/$group"

(
    echo 0 >"$scratch/cgroup/$group/cgroup.procs"
    exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --cgroup --uts --ipc --mount --mount-proc \
        "${0%/*}/boot.sh" "$scratch" "$@" </dev/null
) &
booted=$!

# Returns at the end of stdin, as nobody writes to it; also when systemd ends by itself, then for nothing.
cat >/dev/null
# Nobody may be left to hear what the shell says of a killed child.
trap '' PIPE
kill -KILL "$booted" 2>/dev/null || true
wait "$booted" || true
# Those that were killed leave their groups a moment later.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$scratch/cgroup/$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
done
umount "$scratch/cgroup"
rmdir "$scratch/cgroup" "$scratch"
