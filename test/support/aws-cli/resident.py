"""The AWS CLI, loaded once: a copy of this process runs each command, in a third of the time.

The first argument is the path of the socket. A client sends the command, its folder, its environment, and its three
descriptors, and gets the exit status. Ends when stdin does.
"""

import json
import os
import select
import signal
import socket
import sys
import traceback

import awscli.clidriver

SERVICES = ("iam", "s3", "cloudformation")
MOST = 1 << 20


def preloaded():
    driver = awscli.clidriver.create_clidriver()
    loader = driver.session.get_component("data_loader")
    for service in SERVICES:
        for kind in ("service-2", "paginators-1", "waiters-2"):
            loader.load_service_model(service, kind)
    return driver


def received(connection):
    message, descriptors, _, _ = socket.recv_fds(connection, MOST, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(MOST)
    return json.loads(message), descriptors


def answer(driver, connection):
    wanted, descriptors = received(connection)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = ["aws", *wanted["words"]]
    try:
        status = driver.main(wanted["words"])
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(status or 0).encode())


def main():
    # Nobody waits for the copies.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    driver = preloaded()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    try:
                        answer(driver, connection)
                    except BaseException:
                        traceback.print_exc()
                    os._exit(0)


main()
