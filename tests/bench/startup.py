"""Time from the command to a painted window, against a bare PySide6 window, whole processes, in one run.

    python tests/bench/startup.py [--runs 5] [--json]

Both windows end themselves after their first paint. The figure is wall time of the whole process, interpreter included.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]

BARE = """
import sys
from PySide6.QtWidgets import QApplication, QMainWindow
class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QApplication.instance().quit()
app = QApplication(sys.argv)
window = Window()
window.resize(1280, 800)
window.show()
app.exec()
"""

OURS = """
import os
from editor.app import forbid_unpickling, main
forbid_unpickling()
import editor.canvas.canvas as module
painted = module.Canvas.paintEvent
def paint(canvas, event):
    painted(canvas, event)
    if canvas.has_painted_blocks:
        os._exit(0)
module.Canvas.paintEvent = paint
main([])
"""


def seconds(script: str, folder: str) -> float:
    """Wall time of a process that runs this script, in seconds."""
    environment = {**os.environ, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, "XDG_STATE_HOME": folder}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], cwd=TREE, env=environment, check=True, timeout=60)
    return time.perf_counter() - start


def main() -> None:
    """Run both in turn and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        seconds(BARE, folder), seconds(OURS, folder)  # the first of each warms the disk cache
        for _ in range(options.runs):
            bare.append(seconds(BARE, folder))
            ours.append(seconds(OURS, folder))
    result = {
        "bare_ms": round(statistics.median(bare) * 1000),
        "blockloom_ms": round(statistics.median(ours) * 1000),
        "ratio": round(statistics.median(ours) / statistics.median(bare), 2),
        "runs": options.runs,
    }
    print(json.dumps(result) if options.json else "\n".join(f"{key:14} {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
