"""Runs a command in a pseudo-terminal, types Ctrl-C once a text has appeared, and prints the exit code and whether any line
was wider than the terminal: terminal.py COLUMNS TEXT COMMAND…"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios

columns, text, command = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
seen, typed = b"", False
while True:
    ready, _, _ = select.select([terminal], [], [], 300)
    if not ready:
        break
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    seen += part
    if text in seen and not typed:
        os.write(terminal, b"\x03")
        typed = True
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
# What is redrawn: from a carriage return that clears the line to the next one.
drawn = [line.split(b"\r")[0].split(b"\n")[0].decode(errors="replace") for line in seen.replace(b"^C", b"").split(b"\r\x1b[2K")[1:]]
print(json.dumps({"code": code, "typed": typed, "widest": max(map(len, drawn), default=0), "drawn": len(drawn),
                  "text": seen.decode(errors="replace")}))
