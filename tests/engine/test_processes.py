"""Child processes of daemonic processes."""

import subprocess
import sys

from tests.running import rows

IN_A_POOL = """
import multiprocessing, sys, ser_batch

def annotate(paths):
    summary = ser_batch.annotate_to(*paths)
    assert multiprocessing.current_process().daemon
    return summary.exit_code

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[3]).Pool(1) as pool:
        sys.exit(pool.apply(annotate, (sys.argv[1:3],)))
"""


def test_a_daemonic_process_may_annotate(samples, tmp_path):
    (tmp_path / "script.py").write_text(IN_A_POOL)
    for method in ("fork", "spawn"):
        command = [sys.executable, tmp_path / "script.py", samples / "meeting", tmp_path / method, method]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert len(rows(tmp_path / method / "files.csv")) == 3
