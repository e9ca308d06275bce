"""Describes what lies on disk, one JSON object a line, for the comparer of the round-trip tests.

Reads one JSON object from stdin: {"under": folder, "tree": path} walks a tree, {"under": folder, "paths": [path, ...]}
looks at just these. Paths are absolute, and lie below "under"; those that do not exist are left out.

Strings that are bytes on Linux (paths, link targets, names of attributes) are Latin-1 in JSON: one character a byte.
Every look is relative to the folder it is in, so that paths longer than PATH_MAX are described as well, and no folder
on the way is reached through a link.

This shares no code with sysbackup on purpose: it is what sysbackup is judged by.
"""

import functools
import grp
import hashlib
import json
import os
import pwd
import stat
import struct
import sys

TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}
ACL_XATTRS = {"system.posix_acl_access": "acl", "system.posix_acl_default": "defaultAcl"}
ACL_TAGS = {0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}
ACL_NAMED = (0x02, 0x08)
BLOCK = 1 << 20


def latin(raw):
    return raw.decode("latin-1")


class Place:
    """The folder that the process stands in. Moves by single steps, none of them through a link."""

    def __init__(self, under):
        os.chdir(under)
        # Without slashes around it, as it is in `parts`.
        self.path = b""
        self.parts = []

    def go(self, folder):
        folder = folder.strip(b"/")
        # First what takes no longer in a deep folder.
        if folder == self.path:
            return
        if folder.startswith(self.path + b"/"):
            self.enter(folder[len(self.path) + 1 :].split(b"/"))
            return
        wanted = [part for part in folder.split(b"/") if part]
        shared = len(os.path.commonprefix([self.parts, wanted]))
        while len(self.parts) > shared:
            os.chdir("..")
            self.parts.pop()
        self.path = b"/".join(self.parts)
        self.enter(wanted[shared:])

    def enter(self, parts):
        for part in parts:
            step = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
            os.fchdir(step)
            os.close(step)
            self.parts.append(part)
            self.path = self.path + b"/" + part if self.path else part


@functools.cache
def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


@functools.cache
def group_name(gid):
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def acl_text(value):
    """The kernel's form of an ACL as `user:12:rw-` lines with numbers, sorted."""
    lines = []
    for tag, permissions, number in struct.iter_unpack("<HHI", value[4:]):
        who = str(number) if tag in ACL_NAMED else ""
        bits = "".join(letter if permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        lines.append(f"{ACL_TAGS[tag]}:{who}:{bits}")
    return "\n".join(sorted(lines))


def attributes_of(name):
    """ACLs by their own keys, all other extended attributes in hex under "xattrs"."""
    found = {"xattrs": {}}
    for attribute in os.listxattr(name, follow_symlinks=False):
        value = os.getxattr(name, attribute, follow_symlinks=False)
        if attribute in ACL_XATTRS:
            found[ACL_XATTRS[attribute]] = acl_text(value)
        else:
            found["xattrs"][latin(os.fsencode(attribute))] = value.hex()
    return found


def data_regions(fd, size):
    """[start, end] of each run of bytes that is not a hole, as the filesystem tells."""
    regions, at = [], 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break  # ENXIO: nothing but hole from here on
        at = os.lseek(fd, start, os.SEEK_HOLE)
        regions.append([start, at])
    return regions


def digest(fd, regions):
    """SHA-256 over offset and bytes of each block that is not all zeros.

    So it depends on the content alone, not on which zeros are holes, and a huge sparse file costs only its data.
    """
    content, done = hashlib.sha256(), 0
    for start, end in regions:
        at = max(done, start // BLOCK * BLOCK)
        while at < end:
            block = os.pread(fd, BLOCK, at)
            if block.count(0) < len(block):
                content.update(at.to_bytes(8, "big"))
                content.update(block)
            at += BLOCK
        done = at
    return content.hexdigest()


def content_of(name):
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        regions = data_regions(fd, size)
        return {"data": regions, "digest": digest(fd, regions)}
    finally:
        os.close(fd)


def describe(name, path):
    status = os.lstat(name)
    kind = TYPES[stat.S_IFMT(status.st_mode)]
    found = {
        "path": latin(path),
        "type": kind,
        "mode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "user": user_name(status.st_uid),
        "group": group_name(status.st_gid),
        "modified": str(status.st_mtime_ns),
    }
    if kind != "folder" and status.st_nlink > 1:
        found["inode"] = f"{status.st_dev}:{status.st_ino}"
    if kind == "link":
        found["target"] = latin(os.readlink(name))
    if kind.endswith("device"):
        found["device"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if kind == "file":
        found["size"] = status.st_size
    try:
        found.update(attributes_of(name))
        if kind == "file":
            found.update(content_of(name))
    except PermissionError as error:
        found.setdefault("xattrs", {})
        found["unreadable"] = error.strerror
    return found


def look(place, path):
    """The description, or None where there is nothing of this path, or a link on its way."""
    folder, _, name = path.rpartition(b"/")
    try:
        place.go(folder)
        return describe(name or b".", path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def children(place, found, path):
    try:
        place.go(path)
        names = os.listdir(b".")
    except PermissionError as error:
        found["unreadable"] = error.strerror
        return []
    return [path.rstrip(b"/") + b"/" + name for name in names]


def walk(place, tree):
    ahead = [tree]
    while ahead:
        path = ahead.pop()
        found = look(place, path)
        if found is None:
            continue
        if found["type"] == "folder":
            ahead += children(place, found, path)
        yield found


def main():
    request = json.load(sys.stdin)
    place = Place(request["under"].encode("latin-1"))
    if "tree" in request:
        all_found = walk(place, request["tree"].encode("latin-1"))
    else:
        paths = sorted(path.encode("latin-1") for path in request["paths"])
        all_found = filter(None, (look(place, path) for path in paths))
    for found in all_found:
        print(json.dumps(found))


main()
