#!/bin/sh
# Restores the files and database dumps of one backup without sysbackup: see docs/recovery.md, and docs/format.md for the format.
# It trusts no path of a manifest: the target is empty at first, and closed to other users; links are made after everything
# else, and nothing that exists is replaced. Needs zstd, gzip, jq, sed, GNU coreutils; for S3 also aws; for flags chattr; for
# sealed backups age, and the file with the identity in the variable IDENTITY.
set -u; umask 077
if [ $# -ne 3 ]; then echo "usage: sh recover.sh s3://BUCKET|FOLDER MANIFEST-KEY EMPTY-FOLDER" >&2; exit 2; fi
# Names can have characters that control a terminal, or reorder text: all such become "?".
shown() {
  printf %s "$1" | LC_ALL=C tr '\000-\037\177' '?' |
    LC_ALL=C sed 's/\xc2[\x80-\x9f]/?/g; s/\xe2\x80[\x8e\x8f\xa8-\xae]/?/g; s/\xe2\x81[\xa6-\xa9]/?/g'
}
die() { printf 'recover: %s\n' "$(shown "$1")" >&2; exit "${2-1}"; }
problem() { printf 'recover: "%s" %s\n' "$(shown "$1")" "$2" >&2; echo >>"$work/problems"; }
bucket=${1#file://}
case $bucket in s3://* | /*) ;; *) bucket=$PWD/$bucket ;; esac
# From here on, all paths are below the working folder, whatever becomes of the folders above it.
mkdir -p -- "$3" && cd -- "$3" && target=. && work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT || exit 1
[ -z "$(ls -A .)" ] || die "the target is not empty: $3"
[ -O . ] && chmod 700 . || die "the target belongs to another user, who could exchange what is in it: $3"
fetch() { # KEY [VERSION [OFFSET LENGTH]]: an object, or some bytes of it, to stdout
  case $bucket in
  s3://*) aws s3api get-object --bucket "${bucket#s3://}" --key "$1" ${2:+--version-id "$2"} \
    ${3:+--range "bytes=$3-$(($3 + $4 - 1))"} "$work/got" >"$work/answer" && cat "$work/got" ;;
  *) file=$bucket/$1; [ ! -e "$file~${2-}" ] || file=$file~$2 # later versions of a key are beside the first
    tail -c "+$((${3-0} + 1))" "$file" | head -c "${4-$(stat -c %s "$file")}" ;;
  esac
}
undo() { case $1 in frames | zstd) zstd -dcq ;; gzip) gzip -dcq ;; none) cat ;; esac 2>>"$work/noise"; }
unseal() { case $1 in *.age) age -d -i "${IDENTITY-}" 2>>"$work/noise" ;; *) cat ;; esac; } # KEY
digest() { sha256sum | cut -d ' ' -f 1; }
# Called by lines that jq writes (see below). For a file: "piece" for each extent, "region" for each run of bytes, "file".
piece() { # KEY VERSION FRAME-OFFSET FRAME-LENGTH ENCODING OFFSET LENGTH SHA256
  case $5 in
  *+age) [ "$(cat "$work/opened" 2>>"$work/noise")" = "$1 $2" ] || { fetch "$1" "$2" | unseal "$1" >"$work/whole"; echo "$1 $2" >"$work/opened"; }
    tail -c "+$(($3 + 1))" "$work/whole" | head -c "$4" ;;
  *) fetch "$1" "$2" "$3" "$4" ;;
  esac | undo "${5%+age}" | tail -c "+$(($6 + 1))" | head -c "$7" >"$work/piece"
  [ "$(digest <"$work/piece")" = "$8" ] || echo "$1" >>"$work/damaged"
  cat "$work/piece" >>"$work/content"
}
region() { echo "$@" >>"$work/regions"; } # FROM LENGTH AT: bytes of the content, and their position in the file
file() { # PATH SIZE UID GID MODE TIME
  if [ -e "$work/damaged" ]; then problem "$1" "is damaged or missing in the bucket: $(head -n 1 "$work/damaged")"
  elif free "$1" && truncate -s "$2" "$target$1"; then fill "$1"; meta "$1" "$3" "$4" "$5" "$6"; fi
  clear
}
fill() { # PATH: writes the content where it belongs
  while read -r from length at; do
    tail -c "+$((from + 1))" "$work/content" | head -c "$length" |
      dd of="$target$1" bs=64k iflag=fullblock oflag=seek_bytes seek="$at" conv=notrunc status=none
  done <"$work/regions"
}
clear() { rm -f "$work/damaged"; truncate -s 0 "$work/content" "$work/regions"; }
# Content of a long file comes in segments, in order. A line says where the next one begins, or what it is linked to.
long() { free "$1" && truncate -s "$2" "$target$1" && echo 0 >"$work/long/$(named "$1")"; } # PATH SIZE
linked() { echo "linked $(named "$2")" >"$work/long/$(named "$1")"; } # PATH FIRST
segment() { # PATH FROM SIZE
  reached=$work/long/$(named "$1")
  case $(cat "$reached" 2>>"$work/noise") in
  linked* | "") ;;
  "$2") if [ -e "$work/damaged" ]; then rm "$reached"; else fill "$1"; echo $(($2 + $3)) >"$reached"; fi ;;
  *) rm "$reached" ;;
  esac
  clear
}
whole() { # PATH SIZE UID GID MODE TIME: all segments of a long file should be there
  state=$(cat "$work/long/$(named "$1")" 2>>"$work/noise")
  case $state in linked*) state=$(cat "$work/long/${state#linked }" 2>>"$work/noise") ;; esac
  case $state in
  "$2") meta "$1" "$3" "$4" "$5" "$6" ;;
  *) problem "$1" "lacks content that is damaged or missing in the bucket"; rm -f "$target$1" ;;
  esac
}
free() { # PATH: makes its folder; fails if something is in the way
  mkdir -p "$target${1%/*}" && [ ! -e "$target$1" ] && [ ! -L "$target$1" ] || { problem "$1" "is in the way"; false; }
}
folder() { mkdir -p "$target$1" || die "cannot make the folder $1"; }
named() { printf '%s\n' "$@" | digest; }
first() { [ ! -f "$target$1" ] || : >"$work/first/$(named "$@")"; } # PATH LOOKS: the first of a file's names is there
hardlink() { # FIRST PATH LOOKS: fails where that name is not there, or is another file
  [ -e "$work/first/$(named "$1" "$3")" ] || return; free "$2" && { ln "$target$1" "$target$2" || problem "$2" "cannot be linked"; }; :
}
link() { free "$1" && ln -sT -- "$6" "$target$1" && meta "$@"; } # PATH UID GID MODE TIME TARGET
node() { free "$1" && { mknod "$target$1" $6 && meta "$@" || problem "$1" "cannot be made"; }; }
meta() { # PATH UID GID MODE TIME: setuid and the like only if the owner is right
  mode=$4; chown -h "$2:$3" "$target$1" 2>>"$work/noise" || mode=$((mode & 511))
  [ -L "$target$1" ] || chmod "$(printf %05o "$mode")" "$target$1"
  touch -h -d "@$5" "$target$1"
}
flags() { # PATH LETTERS: last of all, as nothing else can be done to what is immutable; never through a link
  [ -e "$target$1" ] || return
  [ "$(realpath -- "$target$1"; echo .)" = "$(pwd -P)${1%/}$(printf '\n.')" ] && chattr "+$2" "$target$1" 2>>"$work/noise" ||
    problem "$1" "is restored, but not its flags of chattr: $2"
}
calls='# Turns lines of a part into calls: every text is quoted for the shell, and every number is a number (+ 0).
def special: .sb // "---" | explode | map(if . == 45 then 0 else 512 end) | .[0] * 4 + .[1] * 2 + .[2];
def meta: [.path, .uid, .gid, .mode + special, .mt];
def start: if .typ == "s" then .path[-16:] | sub("^0+(?=.)"; "") | tonumber else 0 end;
def regions: start as $start | foreach ((.holes // []) + [[.size, 0]])[] as [$at, $length] ({from: 0, end: 0, next: 0};
  .run = [.from, $at - .end, $start + .end] | .from += $at - .end | .end = $at + $length; .run) | select(.[1] > 0);
def safe: ([.path_b64, .tgt_b64, .id_b64] | any | not) and ([.path, .id // "/"] | map(split("/")[]) | index("..") | not);
def looks: [.size, .uid, .gid, .mode, .sb, .mt, .holes, .segments_sha256, [.dat // [] | .[][4:]]] | tojson;
def content($objects): (.dat[] as [$o, $at, $length, $offset, $bytes, $sha] | $objects[$o]
    | "piece \([.key, .version, $at + 0, $length + 0, .encoding, $offset + 0, $bytes + 0, $sha] | @sh)"),
  (regions | "region \(@sh)"), if .typ == "s" then "segment \([.path[:-17], start, .size] | @sh)"
    else "file \([.path, .size] + meta[1:] | @sh)" end;
def make($objects): if safe | not then "problem \([.path] | @sh) \("has a name that shell tools cannot restore" | @sh)"
  elif .typ == "d" then "folder \([.path] | @sh)" elif .typ == "l" then empty
  elif .typ == "s" then content($objects)
  elif .segments then "\(if .id then "hardlink \([.id, .path, looks] | @sh) && linked \([.path, .id] | @sh) || " else "" end
    )long \([.path, .size] | @sh)", (select(.id == .path) | "first \([.path, looks] | @sh)")
  elif .typ != "f" then "node \(meta + [[.typ] + (.rdev // []) | join(" ")] | @sh)"
  elif .path != (.id // .path) then "hardlink \([.id, .path, looks] | @sh) || {", content($objects), "}"
  else content($objects), (select(.id) | "first \([.path, looks] | @sh)") end;
def late($typ): map(select(.typ == $typ and safe)) | sort_by(.path) | reverse[];' # children before parents
run() { if jq -rs "$calls $1" "$2" >"$work/calls"; then . "$work/calls"; else problem "$2" "is malformed"; fi; }
root() { # KEY: checks a root that was fetched
  [ -s "$work/root" ] || die "cannot read the manifest $1"
  [ "$(sed '$d' "$work/root" | digest)" = "$(tail -n 1 "$work/root" | jq -r .footer.digest)" ] || die "altered or cut short: $1"
}
fetch "$2" | zstd -dcq >"$work/root"; root "$2"
head -n 1 "$work/root" | jq -r 'select(.sealing and .version == 3) | .sealing as $s | [$s.key, $s.version, $s.sha256, .name, .run] | join(" ")' >"$work/sealing"
if read -r key version sha name run <"$work/sealing"; then
  [ -r "${IDENTITY-}" ] || die "sealed: set IDENTITY to the file with the identity: $2"
  fetch "$key" "$version" >"$work/stored"; [ "$(digest <"$work/stored")" = "$sha" ] || die "damaged or missing: $key"
  unseal "$key" <"$work/stored" | zstd -dcq >"$work/root"; [ -s "$work/root" ] || die "the identity does not open $key"
  root "$key"; [ "$(head -n 1 "$work/root" | jq -r '.name + " " + .run')" = "$name $run" ] || die "of another backup: $key"
fi
jq -en 'input | .format == "sysbackup-manifest" and (.version | . == 1 or . == 2 or . == 4) and .sealing == null' "$work/root" >"$work/answer" ||
  die "the manifest has a format that this script does not know: $2"
mkdir "$work/first" "$work/long"; touch "$work/problems" "$work/late" "$work/content" "$work/regions"
jq -r '(select(.part).part, select(.dumps).dumps) | [.key, .version, .sha256] | join(" ")' "$work/root" >"$work/parts"
while read -r key version sha; do
  fetch "$key" "$version" >"$work/stored"; unseal "$key" <"$work/stored" | zstd -dcq >"$work/part"
  [ "$(digest <"$work/stored")" = "$sha" ] || { problem "$key" "is damaged or missing: a part of the manifest"; continue; }
  jq -c 'select(.typ == "l" or .typ == "d" or .segments or .fl)' "$work/part" >>"$work/late"
  run 'map(select(has("object"))) as $objects | .[] | select(has("typ")) | make($objects)' "$work/part"
done <"$work/parts"
# Dumps in chunks are entries in sysbackup-snapshots. Others are objects.
jq -r 'select(.snapshot.key).snapshot | [.snapshotter, .key, .version, .encoding, .dump_sha256] | join(" ")' "$work/root" >"$work/parts"
while read -r name key version encoding sha; do
  case $name in *[!A-Za-z0-9._-]* | .* | "") problem "$name" "is no name of a dump"; continue ;; esac
  to=/sysbackup-snapshots/$name; free "$to" || continue
  fetch "$key" "$version" | unseal "$key" | undo "${encoding%+age}" >"$target$to"
  [ "$(digest <"$target$to")" = "$sha" ] || { problem "$to" "is damaged or missing in the bucket: $key"; rm -f "$target$to"; }
done <"$work/parts"
run '(late("f") | select(.segments) | "whole \([.path, .size] + meta[1:] | @sh)"), (late("l") | "link \(meta + [.tgt] | @sh)"), (late("d") | "meta \(meta | @sh)")' "$work/late"
run '.[] | select(safe and (.fl // "" | test("^[iad]+$"))) | "flags \([.path, .fl] | @sh)"' "$work/late"
jq -r 'select(.bundle).bundle | "\(.key) \(.path)" | gsub("\n"; "?")' "$work/root" >"$work/parts"
while read -r key path; do problem "$path" "is in a bundle, and not restored: docs/recovery.md undoes $(shown "$key") by hand"; done <"$work/parts"
[ ! -s "$work/problems" ] || die "$(wc -l <"$work/problems") problems: what they name is not restored, or not as it was" 3
