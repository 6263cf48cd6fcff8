"""Starts Blockloom from a checkout: `python3 .bootstrap.py [ARGS]`, or its tests: `python3 .bootstrap.py test [ARGS]`.

The first call makes `.venv`, installs the project into it with the versions of `.constraints.txt`, and takes a minute;
later calls only start. Needs Python 3.11 or later and nothing else.
"""
# ruff: noqa: S603, S606, T201 - a script for a terminal that starts the programs it names

import hashlib
import os
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
CONSTRAINTS = ROOT / ".constraints.txt"
SCRIPTS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")


def main(arguments):
    """Install what is missing, then become the program or its tests; returns the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        return fail(
            "Blockloom needs Python 3.11 or later, and this is {}.{}.\n"
            "Call this file with a newer one, such as: python3.12 .bootstrap.py".format(*sys.version_info[:2])
        )
    wants_tests = arguments[:1] == ["test"]
    problem = install("test" if wants_tests else "")
    if problem:
        return fail(problem)
    if wants_tests:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        return start([str(PYTHON), "-m", "pytest", *parallel(arguments[1:]), *arguments[1:]])
    return start([str(PYTHON), "-c", "from engine.cli.main import main; main()", *arguments])


def install(extra):
    """Make `.venv` fit the project, unless it does already; returns what went wrong, or None."""
    stamp = ENVIRONMENT / (".blockloom-" + (extra or "program"))
    wanted = fingerprint()
    # What the tests need includes what the program needs.
    enough = [stamp] if extra else [stamp, ENVIRONMENT / ".blockloom-test"]
    if PYTHON.exists() and any(path.exists() and path.read_text() == wanted for path in enough):
        return None
    problem = None if PYTHON.exists() else make_environment()
    if problem:
        return problem
    print("Installing Blockloom into .venv; this takes a minute the first time.", file=sys.stderr, flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    target = str(ROOT) + (f"[{extra}]" if extra else "")
    if subprocess.call([*command, "-c", str(CONSTRAINTS), "-e", target]):
        return "The installation did not work; the reason stands above. Is this machine online?"
    stamp.write_text(wanted)
    return None


def make_environment():
    """Create `.venv`; returns what is missing on this machine, or None."""
    import importlib.util

    # Debian and its relatives split venv off: the module is there, what it installs is not.
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return (
            "This Python cannot make virtual environments.\n"
            "Debian, Ubuntu, Mint: sudo apt install python3-venv\n"
            "Then call this file again."
        )
    if subprocess.call([sys.executable, "-m", "venv", str(ENVIRONMENT)]):
        return f"The virtual environment {ENVIRONMENT} could not be made; the reason stands above."
    return None


def fingerprint():
    """Changes when the dependencies, their versions or the interpreter do, or when the checkout has moved."""
    content = (ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes()
    parts = [hashlib.sha256(content).hexdigest(), sys.version, str(ROOT)]
    return "\n".join(parts)


def parallel(arguments):
    """Two test processes, unless the caller says how many or asks for a debugger or a single test."""
    decided = any(part.startswith(("-n", "--numprocesses", "--pdb", "-p")) or "::" in part for part in arguments)
    return [] if decided else ["-n", "2"]


def start(command):
    """Run the command in place of this process where the system can do that, so that signals reach it."""
    if os.name == "nt":
        return subprocess.call(command, cwd=str(ROOT) if command[2] == "pytest" else None)
    if command[2] == "pytest":
        os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(command[0], command)
    return 1


def fail(text):
    """Say what is wrong; the exit code of a start that did not happen."""
    print(text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
