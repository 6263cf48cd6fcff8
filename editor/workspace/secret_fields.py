"""Secrets within a document, such as a webhook's: taken out of copies kept on this machine, and put back. No Qt."""

from engine import Block, Catalog, Workflow

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - the name of a field


def without_secrets(workflow: Workflow, catalog: Catalog) -> Workflow:
    """The workflow without the values of secret fields; the same object when it has none."""
    bare = []
    for block in workflow.blocks.values():
        keys = _secret_keys(block, catalog) & block.config.keys()
        if keys:
            bare.append(block.changed(config={key: value for key, value in block.config.items() if key not in keys}))
    return workflow.with_blocks(bare) if bare else workflow


def with_secrets(workflow: Workflow, source: Workflow, catalog: Catalog) -> Workflow:
    """The workflow with the secrets that `source` has for the same blocks, where it has none of its own."""
    filled = []
    for block in workflow.blocks.values():
        known = source.blocks.get(block.id)
        if known is None or known.type != block.type:
            continue
        missing = _secret_keys(block, catalog) & known.config.keys() - block.config.keys()
        if missing:
            filled.append(block.changed(config={**block.config, **{key: known.config[key] for key in missing}}))
    return workflow.with_blocks(filled) if filled else workflow


def _secret_keys(block: Block, catalog: Catalog) -> set[str]:
    block_type = catalog.find(block.type)
    fields = block_type.fields if block_type else ()
    return {WEBHOOK_SECRET, *(field.key for field in fields if field.kind == "secret")}
