"""Whether another process is still there."""

import os


def is_running(pid: int) -> bool:
    """Whether there is a process with this id, be it ours or anybody's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is somebody else's
    return True
