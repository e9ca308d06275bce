#!/bin/sh
# Makes a bucket to be kept as test data: run it with the sysbackup whose buckets later versions must read.
#   make.sh PROGRAM... > COMMIT.tar.gz        (PROGRAM: how to start it, such as: bun /path/to/cmd/main.ts)
# Needs root, since the picked paths are absolute: they lie in /srv/old-tree, which it makes and removes.
# In the archive: a directory bucket and a state database for each kind of backup, and tree.json, what restores must give.
set -eu
tree=/srv/old-tree
[ ! -e "$tree" ] || { echo "$tree exists" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$tree" "$work"' EXIT
mkdir -p "$tree" "$work/state"

cd "$tree"
latin1=$(printf 'home/ann/caf\351')
mkdir -p etc "$latin1" empty var
printf 'Welcome to the old machine.\n' > etc/motd
seq 1 2000 > etc/services
: > etc/nothing
head -c 3000 /dev/urandom > home/ann/noise
printf 'in a folder whose name is not UTF-8\n' > "$latin1/note"
printf 'text\n' > home/ann/café
ln -s ../etc/motd var/link
printf 'two names\n' > var/one
ln var/one var/two
mkfifo var/fifo
printf 'first' > var/sparse
printf 'behind the hole' | dd of=var/sparse bs=1 seek=200000 conv=notrunc status=none
truncate -s 300000 var/sparse
# Larger than what is held in memory while it is restored, and small in the bucket.
seq 1 40000 | sed 's/.*/a log that says the same again and again and again and again and again and again and again and again and again and again/' > var/large
setfacl -m u:1234:r etc/motd
setfattr -n user.comment -v kept etc/services
chmod 4755 etc/nothing
chmod 1777 empty
find . -depth -exec touch -h -d '2026-11-01 10:00:00.123456789Z' {} +

conf() { # name layout compression
  mkdir -p "$work/$1/pickers.d" "$work/$1/snapshots.d" "$work/buckets/$1"
  cat > "$work/$1/conf" <<CONF
[s3]
bucket = file://$work/buckets/$1
[backup]
name = $1
state_dir = $work/state
[content]
days_retained = 36000
layout = $2
compression = $3
CONF
  printf '#!/bin/sh\nexec find %s -print0\n' "$tree" > "$work/$1/pickers.d/all"
  printf '#!/bin/sh\necho "a table of numbers"\necho "::restore-through:: cat > /dev/null"\nseq 1 5000 >&3\n' > "$work/$1/snapshots.d/numbers"
  chmod 755 "$work/$1/pickers.d/all" "$work/$1/snapshots.d/numbers"
}
conf packs packs zstd
conf raw packs none
conf gzip objects gzip
conf zstd objects zstd
# A raw frame of the large file would be large in the archive.
printf '#!/bin/sh\nexec find %s -size -1000k -print0\n' "$tree" > "$work/raw/pickers.d/all"

run() { for name in packs raw gzip zstd; do "$@" archive --conf-dir "$work/$name" >&2 || [ $? = 3 ]; done; }
sleep 3
run "$@"
printf 'Welcome to the old machine, changed.\n' > etc/motd
printf 'new in the second run\n' > home/ann/second
touch -d '2026-11-02 10:00:00Z' etc/motd home/ann/second home/ann
sleep 3
run "$@"

python3 - "$tree" > "$work/tree.json" <<'PYTHON'
import hashlib, json, os, stat, sys
root = os.fsencode(sys.argv[1])
tree = []
for folder, folders, files in sorted(os.walk(root)):
    for name in sorted(folders + files):
        path = os.path.join(folder, name)
        seen = os.lstat(path)
        entry = {"path": path[1:].decode("latin-1"), "mode": stat.S_IMODE(seen.st_mode), "mtime_ns": str(seen.st_mtime_ns)}
        if stat.S_ISLNK(seen.st_mode): entry |= {"type": "link", "target": os.readlink(path).decode()}
        elif stat.S_ISDIR(seen.st_mode): entry |= {"type": "folder"}
        elif stat.S_ISFIFO(seen.st_mode): entry |= {"type": "fifo"}
        else:
            content = open(path, "rb").read()
            entry |= {"type": "file", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        tree.append(entry)
print(json.dumps(tree, indent=1))
PYTHON
rm -f "$work"/state/*.lock
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work" -c buckets state tree.json | gzip -9n
