"""Models behind a network, against a scripted server on this machine that speaks the providers' streams."""

import asyncio
import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from engine.errors import ModelError
from engine.llm import Completion, ModelRequest, Models, ModelSettings, providers

KEY = "sk-very-secret-key"
CHUNK: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small-1"}


def sse(*payloads: Any, done: bool = True) -> bytes:
    """A stream in the shape of OpenAI's chat completions."""
    lines = [f"data: {json.dumps(payload)}\n\n" for payload in payloads]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def delta(text: str | None = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    content = {} if text is None else {"content": text}
    return {**CHUNK, "choices": [{"index": 0, "delta": content, "finish_reason": finish}], **extra}


USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "completion_tokens_details": {"reasoning_tokens": 2},
    "prompt_tokens_details": {"cached_tokens": 8},
}
GOOD = sse(delta("Hello"), delta(" world"), delta(finish="stop"), {**CHUNK, "choices": [], "usage": USAGE})


class Server:
    """Answers each request with the next of its replies, and keeps the requests."""

    def __init__(self, *replies: tuple[int, bytes, dict[str, str]], cut: bool = False) -> None:
        self._replies = list(replies)
        self._cut = cut
        self.requests: list[dict[str, Any]] = []
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
        self.requests.append(json.loads(await reader.readexactly(length)))
        self.heads.append(head)
        status, body, headers = self._replies.pop(0)
        kind = "text/event-stream" if status == 200 else "application/json"
        # A stream that is cut promises more than it sends.
        promised = len(body) + (100 if self._cut else 0)
        fields = {"content-type": kind, "content-length": str(promised), "connection": "close", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def good(body: bytes = GOOD) -> tuple[int, bytes, dict[str, str]]:
    return 200, body, {}


def refusal(status: int, message: str = "no", code: str | None = None, **headers: str) -> Any:
    return status, json.dumps({"error": {"message": message, "code": code, "type": None}}).encode(), headers


def ask(
    server: Server,
    model: str = "small-1",
    *,
    retries: int = 0,
    on_text: Callable[[str], None] | None = None,
    **fields: Any,
) -> Completion:
    async def go() -> Completion:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        settings = ModelSettings(
            openai_base_url=f"{address}/v1",
            anthropic_base_url=address,
            keys={"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY},
            use_keyring=False,
            retries=retries,
            answer_timeout_s=5,
        )
        async with listener:
            return await Models(settings).complete(ModelRequest(model, "Say hello", **fields), on_text)

    return asyncio.run(go())


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a library does besides, it cannot reach another machine: the test fails instead."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", f"a connection to {address}"
        return connect(self, address)

    def resolve(host: Any, *rest: Any, **options: Any) -> Any:
        assert host in ("127.0.0.1", b"127.0.0.1", None), f"a look-up of {host}"
        return resolve_really(host, *rest, **options)

    resolve_really = socket.getaddrinfo
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_answer_streams_and_is_counted() -> None:
    """Pieces arrive one by one, and the usage has the platform's names."""
    pieces: list[str] = []

    answer = ask(Server(good()), on_text=pieces.append)

    assert pieces == ["Hello", " world"]
    assert answer == Completion(
        "Hello world",
        "small-1",
        {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "reasoning_tokens": 2, "cached_tokens": 8},
    )


def test_request_carries_what_the_block_says() -> None:
    """Prompts, temperature, limit and key reach the server, with the limit under the name that all servers know."""
    server = Server(good())

    ask(server, system_prompt="Be short.", temperature=0.5, max_tokens=40)

    sent = server.requests[0]
    assert sent["model"] == "small-1"
    assert [(message["role"], message["content"]) for message in sent["messages"]] == [
        ("system", "Be short."),
        ("user", "Say hello"),
    ]
    assert (sent["temperature"], sent["max_tokens"], sent["stream"]) == (0.5, 40, True)
    assert f"bearer {KEY}" in server.heads[0].lower()


def test_answer_can_be_bound_to_a_schema() -> None:
    """The schema is sent, and the answer is JSON."""
    schema = {"type": "object", "properties": {"mood": {"type": "string"}}, "required": ["mood"]}
    server = Server(good(sse(delta('{"mood":'), delta(' "good"}'), delta(finish="stop"))))

    answer = ask(server, schema=schema)

    assert json.loads(answer.text) == {"mood": "good"}
    assert server.requests[0]["response_format"]["json_schema"]["schema"]["properties"] == schema["properties"]


@pytest.mark.parametrize(
    ("reply", "words", "retryable"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}"), "was refused: check OPENAI_API_KEY", False),
        (refusal(403), "was refused", False),
        (refusal(404, "The model does not exist"), 'does not know the model "small-1"', False),
        (refusal(429, "slow down", **{"retry-after": "7"}), "try again in 7 seconds", True),
        (refusal(429, "pay first", code="insufficient_quota"), "no credit left", False),
        (refusal(500), "fault on its side", True),
        (refusal(503), "overloaded or away", True),
        (refusal(400, "too long", code="context_length_exceeded"), "too long", False),
        (refusal(400, "bad value"), "The provider says: bad value", False),
        ((502, b"<html>Bad gateway</html>", {}), "fault on its side", True),
        (good(sse(delta(finish="stop"))), "without any text", True),
        (good(sse(delta(finish="length"))), "max_tokens", True),
        (good(sse(delta("Hel"), done=False)), "broke off after 3 characters", True),
        (good(b"data: {not json\n\n"), "small-1", True),
    ],
)
def test_refusals_are_told_in_words(reply: Any, words: str, retryable: bool) -> None:
    """Each way to fail says what to do, whether another try may help, and never shows the key."""
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        ask(Server(reply))

    assert caught.value.retryable is retryable
    assert KEY not in str(caught.value)


def test_stream_that_is_cut_is_an_error() -> None:
    """Half an answer is not passed off as a whole one."""
    with pytest.raises(ModelError, match="broke off"):
        ask(Server(good(sse(delta("Hel"), done=False)), cut=True))


def test_one_refusal_is_tried_again() -> None:
    """A server that is busy for a moment does not fail the block."""
    server = Server(refusal(500, **{"retry-after-ms": "1"}), good())

    assert ask(server, retries=1).text == "Hello world"


def test_no_server_is_told_with_its_setting() -> None:
    """A refused connection names the setting to look at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = ModelSettings(
            openai_base_url=f"http://127.0.0.1:{free.getsockname()[1]}", use_keyring=False, retries=0
        )

        with pytest.raises(ModelError, match="OPENAI_BASE_URL"):
            asyncio.run(Models(settings).complete(ModelRequest("small-1", "Say hello")))


def test_slow_server_is_a_timeout() -> None:
    """A server that is silent for longer than allowed is given up."""

    async def go() -> None:
        silence = asyncio.Event()

        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await silence.wait()
            writer.close()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        settings = ModelSettings(openai_base_url=address, use_keyring=False, retries=0, answer_timeout_s=0.05)
        async with listener:
            try:
                await Models(settings).complete(ModelRequest("small-1", "Say hello"))
            finally:
                silence.set()

    with pytest.raises(ModelError, match="did not answer in time"):
        asyncio.run(go())


@pytest.mark.parametrize(
    ("model", "key"), [("gpt-5.4-mini", "OPENAI_API_KEY"), ("claude-haiku-4-5", "ANTHROPIC_API_KEY")]
)
def test_missing_key_says_which_and_what_works_without(model: str, key: str) -> None:
    """Nobody is left guessing where a key goes."""
    models = Models(ModelSettings(use_keyring=False))

    with pytest.raises(ModelError, match=key) as caught:
        asyncio.run(models.complete(ModelRequest(model, "Say hello")))

    assert "local/extractive" in str(caught.value)
    assert not caught.value.retryable


def test_claude_models_go_to_anthropic() -> None:
    """A name that begins with claude- is asked at Anthropic's address with Anthropic's key."""
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "claude-haiku-4-5",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 9, "output_tokens": 1},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    server = Server(good(body))

    answer = ask(server, "claude-haiku-4-5")

    assert answer.text == "Hello"
    assert answer.usage == {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    assert server.heads[0].startswith("POST /v1/messages")
    assert KEY in server.heads[0]


def test_own_server_needs_no_key() -> None:
    """A server under an address of its own, such as one on this machine, is asked without a key."""

    async def go(server: Server) -> Completion:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        async with listener:
            models = Models(ModelSettings(openai_base_url=address, use_keyring=False))
            return await models.complete(ModelRequest("llama-3", "Say hello"))

    assert asyncio.run(go(Server(good()))).text == "Hello world"


def test_cancel_closes_the_stream() -> None:
    """A cancelled caller leaves no request behind."""

    def cancel(_piece: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    with pytest.raises(asyncio.CancelledError):
        ask(Server(good()), on_text=cancel)


def test_any_model_of_pydantic_ai_fits() -> None:
    """The same request works with the library's own test model, streamed."""
    pieces: list[str] = []
    model = TestModel(custom_output_text="It works well.")

    answer = asyncio.run(providers.ask(model, "test", ModelRequest("test", "Hi"), pieces.append))

    assert answer.text == "".join(pieces) == "It works well."


def test_broken_model_is_told_in_words() -> None:
    """An error that nobody foresaw still names the model and its kind."""

    async def answer(_messages: list[ModelMessage], _info: AgentInfo) -> Any:
        raise ZeroDivisionError
        yield ""

    with pytest.raises(ModelError, match="ZeroDivisionError"):
        asyncio.run(
            providers.ask(FunctionModel(stream_function=answer), "odd", ModelRequest("odd", "Hi"), lambda _text: None)
        )


def test_settings_keep_keys_out_of_sight() -> None:
    """Printing the settings prints no key."""
    settings = ModelSettings.from_environment({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://x/v1"})

    assert KEY not in repr(settings)
    assert settings.find_key("OPENAI_API_KEY") == KEY
