"""Makes a bundle by the recipe of the script before this program: a tar by Python, compressed, sealed by OpenSSL.

Arguments: what to put into it, a file to write, gzip, bzip2 or lzma, and a keyfile, if it is to be sealed. Prints the MD5 of the
compressed tar.
"""

import hashlib
import subprocess
import sys
import tarfile

source, target, algorithm, *keyfile = sys.argv[1:]
mode = {"gzip": "w:gz", "bzip2": "w:bz2", "lzma": "w:xz"}[algorithm]
with tarfile.open(target, mode) as tar:
    tar.add(source)
with open(target, "rb") as made:
    print(hashlib.md5(made.read()).hexdigest())
if keyfile:
    command = ["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", f"file:{keyfile[0]}"]
    subprocess.run([*command, "-in", target, "-out", f"{target}.aes"], check=True)
    subprocess.run(["mv", f"{target}.aes", target], check=True)
