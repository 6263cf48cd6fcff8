"""What is to be said about a webhook block: what is missing, what callers get, and a body to try it with. No Qt."""

import uuid

from editor.workspace.livestate import LiveState
from engine import Block, Catalog, JsonObject, Workflow, run_inputs

MAX_SAMPLE_KEYS = 20
MAX_SAMPLED_BLOCKS = 1_000
"""Up to so many blocks are read within a frame."""


def advice(
    block: Block, workflow: Workflow, *, on_server: Workflow | None, is_saved: bool, state: LiveState, refusal: str = ""
) -> list[str]:
    """Sentences about what keeps calls from working as they should, the worst first.

    `on_server` is what the server has, None for a workflow that is on none. `refusal` is why it could not be saved.
    """
    found = [*_about_credentials(block, workflow)]
    webhook_id = str(block.config.get("webhook_id") or "")
    if webhook_id and webhook_id in refusal:
        found.append(f"{refusal} Mint new credentials to get an address of its own.")
    if on_server is None or state.kind == "none":
        return found
    there = on_server.blocks.get(block.id)
    if there is None or any(there.config.get(key) != block.config.get(key) for key in ("webhook_id", "webhook_secret")):
        found.append("The server does not know this address and secret yet: save the workflow first.")
    elif not is_saved and state.kind in ("live", "armed"):
        version = f"v{state.last.version}" if state.last else "the saved version"
        found.append(f"Callers get {version}, which is older than what is on the canvas. Save to change that.")
    deployed = state.last.deployed_version if state.last else None
    if state.kind == "live" and state.last and deployed is not None and deployed != state.last.version:
        found.append(
            f"It was saved again since the deploy of v{deployed}: calls run v{state.last.version}, and a schedule is "
            f"still that of v{deployed}. Deploy again to review what changed."
        )
    return found


def _about_credentials(block: Block, workflow: Workflow) -> list[str]:
    webhook_id, secret = block.config.get("webhook_id"), block.config.get("webhook_secret")
    found = []
    if not webhook_id:
        found.append("This webhook has no address. Mint new credentials to give it one.")
    elif not _is_uuid(webhook_id):
        found.append(f"The address “{str(webhook_id)[:60]}” is not a UUID, so servers refuse it. Mint new credentials.")
    else:
        same = [other for other in workflow.blocks.values() if _has_address(other, webhook_id) and other.id != block.id]
        if same:
            found.append(f"“{same[0].label}” has the same address. Mint new credentials for one of the two.")
    if not secret:
        found.append("This webhook has no secret, so servers refuse every call. Mint new credentials to give it one.")
    elif not isinstance(secret, str) or not secret.isascii():
        found.append("The secret has characters that cannot be sent in a header. Mint new credentials.")
    return found


def sample_body(workflow: Workflow, catalog: Catalog) -> JsonObject:
    """An object with the keys that blocks read from what a caller sends; empty where looking would take too long."""
    if len(workflow.blocks) > MAX_SAMPLED_BLOCKS:
        return {}
    wanted = [item for item in run_inputs(workflow, catalog) if not item.declared]
    return {item.name: "" if item.default is None else item.default for item in wanted[:MAX_SAMPLE_KEYS]}


def _has_address(block: Block, webhook_id: object) -> bool:
    return block.type == "webhook" and block.config.get("webhook_id") == webhook_id


def _is_uuid(value: object) -> bool:
    try:
        return bool(uuid.UUID(value)) if isinstance(value, str) else False
    except ValueError:
        return False
