"""The program starts safely: nothing from outside becomes an object."""

import pickle
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
# Drawing fills a path from numbers that it has computed itself.
ALLOWED = {("wire_painting.py", "QDataStream"), ("app.py", "import pickle")}


def test_the_editor_loads_no_objects_from_data() -> None:
    """After the start `pickle.loads` refuses everything that would need a class or a function."""
    script = (
        "import pickle, sys\n"
        "from editor.app import forbid_unpickling\n"
        "data = sys.stdin.buffer.read()\n"
        "forbid_unpickling()\n"
        "try:\n"
        "    pickle.loads(data)\n"
        "except pickle.UnpicklingError as error:\n"
        "    print('refused', error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(print), capture_output=True, cwd=TREE, check=True
    )

    assert done.stdout.startswith(b"refused")


def test_the_editor_reads_no_settings_or_streams_of_qt() -> None:
    """Settings are JSON, and what comes from outside is never handed to Qt's own formats."""
    sources = [(path.name, path.read_text("utf-8")) for path in (TREE / "editor").rglob("*.py")]

    found = {
        (name, word) for name, text in sources for word in ("QSettings", "QDataStream", "import pickle") if word in text
    }

    assert found == ALLOWED
