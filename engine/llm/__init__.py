"""Language models behind one port: `Models.complete` answers a `ModelRequest`. Importing this package costs little."""

from engine.llm.choices import available_models
from engine.llm.models import Models
from engine.llm.port import DEFAULT_MODEL, LOCAL_MODEL, Completion, ModelChoice, ModelRequest
from engine.llm.settings import KEY_NAMES, ModelSettings, keep_key, store_key, stored_key

__all__ = [
    "DEFAULT_MODEL",
    "KEY_NAMES",
    "LOCAL_MODEL",
    "Completion",
    "ModelChoice",
    "ModelRequest",
    "ModelSettings",
    "Models",
    "available_models",
    "keep_key",
    "store_key",
    "stored_key",
]
