"""Webhook: where a run begins when another program calls the workflow's address."""

import uuid

from engine.blocks._fields import Field
from engine.blocks._spec import NO_PORTS, BlockContext, BlockType, Outcome, OutputField
from engine.document import JsonObject


def run(ctx: BlockContext, _config: JsonObject) -> Outcome:
    """What the caller sent, over the workflow's own variables. A run by hand gives its values in the caller's place."""
    return Outcome({"output": dict(ctx.variables)})


def mint() -> JsonObject:
    """An address and a secret that no other webhook has. No server makes them: they are made with the block."""
    return {"webhook_id": str(uuid.uuid4()), "webhook_secret": str(uuid.uuid4())}


BLOCK = BlockType(
    type="webhook",
    label="Webhook",
    description="Begins the run when called",
    category="Start",
    icon="webhook",
    hue="sky",
    keywords=("start", "trigger", "incoming", "http", "call", "hook", "event", "receive", "entry"),
    trigger="webhook",
    singleton=True,
    inputs=NO_PORTS,
    run=run,
    fields=(
        Field(
            "webhook_id",
            "Address",
            "text",
            help="The end of the address that the other program calls. Made once, it belongs to this block.",
            read_only=True,
        ),
        Field(
            "webhook_secret",
            "Secret",
            "secret",
            help="The other program proves with it that it may call. Give it to nobody else.",
            read_only=True,
        ),
    ),
    mint=mint,
    output_fields=lambda _config: (OutputField("output", "object", "What the caller sent."),),
    summary=lambda _config: "starts when its address is called",
    help="When you run the workflow here, the values you enter stand in for what a caller would send.",
)
