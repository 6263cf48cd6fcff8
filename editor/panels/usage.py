"""How much a language model read and wrote, in words. No Qt."""

from engine import JsonObject


def usage_words(usage: JsonObject | None) -> str:
    """How much was read and written, "" where the model does not tell."""
    if not usage:
        return ""
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(read, int) or not isinstance(written, int):
        return ""
    return f"{read:,} tokens read, {written:,} written"
