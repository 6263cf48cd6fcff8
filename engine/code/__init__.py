"""Isolated execution of the code that people write into code blocks.

Names are imported when first asked for: the worker process imports from this package too, and must not load what
only the engine needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.code.exchange import CodeResult as CodeResult
    from engine.code.isolation import Isolation as Isolation
    from engine.code.isolation import probe as probe
    from engine.code.limits import CodeLimits as CodeLimits
    from engine.code.modules import ModulePolicy as ModulePolicy
    from engine.code.runner import CodeRunner as CodeRunner
    from engine.code.session import CodeUnavailable as CodeUnavailable

_NAMES = {
    "CodeLimits": "limits",
    "CodeResult": "exchange",
    "CodeRunner": "runner",
    "CodeUnavailable": "session",
    "Isolation": "isolation",
    "ModulePolicy": "modules",
    "probe": "isolation",
}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
