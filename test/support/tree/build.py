"""Makes what a tree literal says: reads one JSON object a line from stdin, and does it in the folder it stands in.

The first argument is the tree's root. Objects have a "type": "folder" makes and enters one, "up" gives the current
folder its attributes and leaves it, all others make one thing called "name". Hard links name their target from the
root. Names and targets are text in which U+DC80 to U+DCFF stand for single bytes that are not UTF-8 (PEP 383).
"""

# Modules that few trees need are imported where they are used: they take as long to load as all else.
import binascii
import json
import os
import stat
import sys

MODES = {"folder": 0o755, "file": 0o644}


def content(piece):
    if "random" in piece:
        import random

        return random.Random(piece["seed"]).randbytes(piece["random"])
    if "repeat" in piece:
        return piece["repeat"].encode() * piece["times"]
    return binascii.a2b_base64(piece["base64"])


def make_file(name, node):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with open(fd, "wb") as file:
        for piece in node["pieces"]:
            file.seek(piece["at"])
            file.write(content(piece))
        file.truncate(node["size"])


def make_device(name, node):
    kind = {"character device": stat.S_IFCHR, "block device": stat.S_IFBLK}[node["type"]]
    os.mknod(name, kind | 0o600, os.makedev(node["major"], node["minor"]))


def make_socket(name):
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)


def make(name, node, root):
    kind = node["type"]
    if kind == "file":
        make_file(name, node)
    elif kind == "folder":
        os.mkdir(name)
    elif kind == "link":
        os.symlink(os.fsencode(node["target"]), name)
    elif kind == "hard link":
        os.link(os.fsencode(node["target"]), name, src_dir_fd=root, follow_symlinks=False)
    elif kind == "fifo":
        os.mkfifo(name)
    elif kind == "socket":
        make_socket(name)
    else:
        make_device(name, node)


def tool(*command):
    import subprocess

    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def set_attributes(name, kind, wanted):
    """Owner first, because its change takes special bits and capabilities away; attributes before a mode that forbids
    writing them; the time last."""
    if "uid" in wanted or "gid" in wanted:
        os.chown(name, wanted.get("uid", -1), wanted.get("gid", -1), follow_symlinks=False)
    for attribute, value in wanted.get("xattrs", {}).items():
        os.setxattr(name, attribute, binascii.a2b_base64(value), follow_symlinks=False)
    if kind != "link":
        os.chmod(name, wanted.get("mode", MODES.get(kind, 0o600)))
    if "acl" in wanted:
        tool("setfacl", "-m", wanted["acl"], b"./" + name)
    if "defaultAcl" in wanted:
        tool("setfacl", "-d", "-m", wanted["defaultAcl"], b"./" + name)
    if "capabilities" in wanted:
        tool("setcap", wanted["capabilities"], b"./" + name)
    if "modified" in wanted:
        seconds, nanoseconds = wanted["modified"]
        when = seconds * 10**9 + nanoseconds
        os.utime(name, ns=(when, when), follow_symlinks=False)


def main():
    os.umask(0)
    os.chdir(sys.argv[1])
    root = os.open(".", os.O_RDONLY)
    entered = []
    for line in sys.stdin:
        node = json.loads(line)
        kind = node["type"]
        if kind == "up":
            name = entered.pop()
            os.chdir("..")
            set_attributes(name, "folder", node["attributes"])
            continue
        name = os.fsencode(node["name"])
        make(name, node, root)
        if kind == "folder":
            entered.append(name)
            os.chdir(name)
        elif kind != "hard link":
            set_attributes(name, kind, node["attributes"])


main()
