#!/bin/sh
# The first process of a PID namespace: hides what systemd might change of the machine, and becomes systemd.
# What is written to /etc, /usr/local and the like is kept in memory, and gone with the namespace. Of what the machine keeps, only
# its /etc and its installed packages are in sight, as a fresh machine has them. $1 is a folder in memory; $2 and $3 stay in sight
# wherever they are: the checkout, and the folder of Bun.
set -eu
scratch=$1
checkout=$2
bun=$3
# Held open: they may be below what is covered.
exec 3<"$checkout" 4<"$bun"
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$scratch"

# Keeps in memory what is written to the folder $1, which begins with what is in $2. The top of an overlay has the owner and mode
# of its upper folder. Not a tmpfs: systemd encrypts nothing with a key that lies in one.
cover() {
    like "$1" "$scratch/upper$1"
    mkdir -p "$scratch/work$1"
    mount -t overlay -o "lowerdir=$2,upperdir=$scratch/upper$1,workdir=$scratch/work$1" overlay "$1"
}
# Makes the folder $2 with the owner and mode of $1.
like() {
    mkdir -p "$2"
    chown --reference="$1" "$2"
    chmod --reference="$1" "$2"
}

mkdir "$scratch/empty" "$scratch/dpkg"
cover /etc /etc
cover /usr/local /usr/local
# What an installed sysbackup has there.
rm -rf /etc/backup /etc/credstore /etc/credstore.encrypted
for folder in /srv /opt /home /root /mnt /media; do
    [ ! -d "$folder" ] || cover "$folder" "$scratch/empty"
done

# Of /var, its folders and the list of packages.
[ ! -d /var/lib/dpkg ] || mount --bind /var/lib/dpkg "$scratch/dpkg"
for folder in /var /var/* /var/lib/*; do
    [ ! -d "$folder" ] || [ -L "$folder" ] || like "$folder" "$scratch/upper$folder"
    [ ! -L "$folder" ] || cp -a "$folder" "$scratch/upper$folder"
done
cover /var "$scratch/empty"
[ ! -d /var/lib/dpkg ] || cover /var/lib/dpkg "$scratch/dpkg"

# A machine on which nothing is installed that starts by itself: of the units, those that others stand on; no generators.
units=/lib/systemd/system
mkdir "$scratch/units"
for unit in basic.target default.target halt.target local-fs.target local-fs-pre.target multi-user.target network.target \
    network-online.target network-pre.target nss-lookup.target nss-user-lookup.target paths.target poweroff.target \
    reboot.target shutdown.target slices.target sockets.target swap.target sysinit.target time-set.target \
    time-sync.target timers.target umount.target user.slice final.target \
    systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket dbus.service dbus.socket; do
    [ ! -e "$units/$unit" ] || cp -a "$units/$unit" "$scratch/units/"
done
mount --bind "$scratch/units" "$units"
for folder in /etc/systemd/system /lib/systemd/system-generators /lib/systemd/system-environment-generators; do
    [ ! -d "$folder" ] || mount -t tmpfs -o mode=755 tmpfs "$folder"
done
# The journal would add to the machine's own.
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir -p /etc/systemd/system/sockets.target.wants
for socket in systemd-journald.socket systemd-journald-dev-log.socket dbus.socket; do
    ln -s "$units/$socket" /etc/systemd/system/sockets.target.wants/
done

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/lock
# As systemd-tmpfiles makes it: what is in it has its group.
mkdir -p /run/log/journal
chgrp systemd-journal /run/log/journal
chmod 2755 /run/log/journal
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
again() {
    [ -z "$(ls -A "$2" 2>/dev/null)" ] || return 0
    mkdir -p "$2"
    # As it is written, the descriptor leads to the folder itself, and its name to what covers it.
    mount --no-canonicalize --bind "/proc/self/fd/$1" "$2"
}
again 3 "$checkout"
again 4 "$bun"
exec 3<&- 4<&-

# As container managers do: the kernel's settings are the machine's.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -o remount,bind,ro /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# The kernel's log is the machine's, and of all that run on it.
for device in /dev/console /dev/kmsg; do
    [ ! -e "$device" ] || mount --bind /dev/null "$device"
done

# As on any machine with systemd, whose services then see what it mounts for them. Nothing of it reaches the machine itself.
mount --make-rshared /

# `container` keeps systemd from setting up hardware, clock and kernel.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=sysbackup-test \
    /lib/systemd/systemd --system --unit=basic.target --show-status=0 --log-target=journal
