"""The JavaScript engine: QuickJS as a WebAssembly program in wasmtime, as `quickjs_rs` packs it.

Its WebAssembly is turned into machine code once per process (`compiled`, half a second). A template gets that code and
starts one instance of the engine (`Machine`), which each fork has a copy of: WebAssembly contains the engine, and the
worker contains WebAssembly.

`quickjs_rs` has no public way to hand over machine code, or to run a script to its end without an event loop, so this
module, and no other, works with its inner parts.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

# Stack for calls within calls; above 2 MB wasmtime asks for more than its default settings give.
_STACK_BYTES = 2 << 20
MOST_MEMORY = 1 << 30
"""Bytes that a script may have at most: `quickjs_rs` reads addresses above 2 GB as negative numbers."""


class EngineStopped(Exception):
    """The engine could not go on; `is_memory` says that it had no memory left."""

    def __init__(self, text: str, *, is_memory: bool = False) -> None:
        super().__init__(text)
        self.is_memory = is_memory


class NotRead(Exception):
    """A script that is no JavaScript; `stack` names the place."""

    def __init__(self, text: str, stack: str) -> None:
        super().__init__(text)
        self.stack = stack


def compiled() -> bytes:
    """The machine code of the engine for this computer."""
    import wasmtime
    from quickjs_rs import _engine

    # All processors help, unlike in a template, which must not have threads.
    return bytes(wasmtime.Module(wasmtime.Engine(_config(parallel=True)), _engine._read_guest_wasm()).serialize())


class Machine:
    """One instance of the engine. `prelude` gives an object whose functions are called by name.

    Scripts find the Python `functions` as global variables. Their arguments and answers are texts.
    """

    def __init__(self, code: bytes, prelude: str, functions: Sequence[str], memory_bytes: int) -> None:
        import wasmtime
        from quickjs_rs import _engine, _wasmtime

        engine = wasmtime.Engine(_config(parallel=False))
        module = wasmtime.Module.deserialize(engine, code)
        linker = _engine._build_shared_linker(engine)
        _wasmtime._SHARED_ENGINE = engine
        _wasmtime._SHARED_ARTIFACTS["quickjs"] = _wasmtime.SharedWasmArtifact(module, linker, b"")
        # The engine does not count typed arrays, so that it is the process whose limit holds.
        self._memory_bytes = min(memory_bytes, MOST_MEMORY)
        self._context = _engine.QjsContext(_engine.QjsRuntime(memory_limit=self._memory_bytes))
        for number, name in enumerate(functions):
            self._context.register_host_function(name, number)
        # Read by `eval` of its own, it is neither a module that scripts can import nor part of their line numbers.
        self._prelude = self._context.eval_handle(f"(0, eval)({json.dumps(prelude)})")

    def is_out_of_memory(self, error: str) -> bool:
        """Whether an error in one line says that the memory is full.

        An engine that fails to grow a list may throw null, having no memory for an error.
        """
        is_large = self._context._inst._mem_size() > self._memory_bytes // 4
        return error == "InternalError: out of memory" or bool(error == "Error: null" and is_large)

    def close(self) -> None:
        """Give the memory back."""
        self._context.close()

    def answer_with(self, *functions: Callable[[str], str]) -> None:
        """What the functions that were named at the start do, in that order."""
        self._context.set_host_call_dispatcher(lambda number, arguments: functions[number](*arguments))

    def call(self, name: str, *arguments: Any) -> Any:
        """The answer of one of the prelude's functions, as a handle that `text` reads."""
        with self._errors():
            return self._prelude.get(name).call(*arguments)

    def text(self, handle: Any) -> str:
        """The text behind a handle."""
        with self._errors():
            return str(self._context._inst._get_string(handle._require_live()))

    def start(self, source: str) -> Any:
        """Run a script up to where it waits for the first time: its promise.

        Raises:
            NotRead: it is no JavaScript.
        """
        with self._errors():
            return self._context.eval_handle(source, promise=True)

    def go_on(self) -> None:
        """Run what scripts have left to be done, until nothing is left."""
        with self._errors():
            # A round ends after so many steps even if there are more.
            while self._context.run_pending_jobs():
                pass

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the engine's many ways to fail into ours."""
        from quickjs_rs import _engine
        from wasmtime import Trap, WasmtimeError

        try:
            yield
        except _engine.JSError as error:
            name, message, stack = error.args
            text = f"{name}: {message}"
            if self.is_out_of_memory(text):
                raise EngineStopped(text, is_memory=True) from None
            raise NotRead(text, stack or "") from None
        except _engine.QuickJSError as error:
            # What the library says when the engine gives it no memory for an argument.
            raise EngineStopped(str(error), is_memory="alloc" in str(error)) from None
        except (Trap, WasmtimeError) as error:
            if "call stack exhausted" in str(error):
                raise EngineStopped("RangeError: functions call each other too deeply") from None
            last = str(error).strip().splitlines()[-1].strip()
            raise EngineStopped(f"Error: the JavaScript engine stopped ({last[:200]})") from None


def _config(*, parallel: bool) -> Any:
    import wasmtime

    config = wasmtime.Config()
    config.parallel_compilation = parallel
    config.max_wasm_stack = _STACK_BYTES
    # Sharing the memory's first content would take an anonymous file, which workers may not make.
    config.memory_init_cow = False
    return config
