"""Workers end with the process that started them, however it ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import os, sys, time
from awdlib.threads import processes

if __name__ == "__main__":
    with processes(2) as pool:
        found = {pool.submit(os.getpid).result() for _ in range(20)}
        pool.submit(time.sleep, 300)
        print(*found, flush=True)
        time.sleep(300)
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc to look for processes in")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_when_the_run_is_killed(how, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert workers
        assert all(alive(pid) for pid in workers)
    finally:
        parent.send_signal(how)
        parent.wait()
        parent.stdout.close()
    ends = time.monotonic() + 30
    while any(alive(pid) for pid in workers) and time.monotonic() < ends:
        time.sleep(0.1)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
