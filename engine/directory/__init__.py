"""Stored agents and orchestrations: what blocks refer to by an id, wherever they are kept.

Two sources answer the same questions: the local library (`library.py`) and a connected server (`remote.py`);
`joined.py` asks several in turn.
"""

from engine.directory.library import Library as Library
from engine.directory.port import STRATEGIES as STRATEGIES
from engine.directory.port import Directory as Directory
from engine.directory.port import Entity as Entity
from engine.directory.port import StoredAgent as StoredAgent
from engine.directory.port import StoredOrchestration as StoredOrchestration
from engine.directory.port import Strategy as Strategy
