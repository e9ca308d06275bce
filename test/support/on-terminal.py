"""Runs a program on a terminal of its own. Reads {argv, env, answers: [{when, type}]} from stdin; prints {shown, exit}.

A program that still runs after half a minute waits for an answer that nobody gives: it is killed. Each answer is typed once its `when` is shown, after what was shown before the answer before.
"""

import json
import os
import pty
import signal
import sys

spec = json.load(sys.stdin)
child, terminal = pty.fork()
if child == 0:
    os.environ.clear()
    os.environ.update(spec["env"])
    os.execvpe(spec["argv"][0], spec["argv"], os.environ)

signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(30)

shown, seen, answers = b"", 0, spec["answers"]
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    shown += read
    while answers and (at := shown.find(answers[0]["when"].encode(), seen)) >= 0:
        answer = answers.pop(0)
        seen = at + len(answer["when"].encode())
        os.write(terminal, answer["type"].encode() + b"\n")
print(json.dumps({"shown": shown.decode(errors="replace"), "exit": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}))
