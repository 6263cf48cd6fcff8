"""Which names a block may get: a name is how references find it. No Qt."""

from engine import Workflow, references

MAX_NAME_LENGTH = 255


def name_refusal(workflow: Workflow, block_id: str, name: str) -> str:
    """Why the block cannot have this name, "" when it can."""
    if not name.strip():
        return "A block needs a name."
    if len(name) > MAX_NAME_LENGTH:
        return f"This name is too long. Keep it within {MAX_NAME_LENGTH} characters."
    other = workflow.find_by_name(name)
    if other is not None and other.id != block_id:
        return f"Another block is called “{name}”. References need a name of its own."
    return ""


def name_warning(name: str) -> str:
    """What a name that is allowed costs, "" when it costs nothing."""
    if references.can_be_referenced(name):
        return ""
    return "Other blocks cannot refer to this name. Use letters, digits, spaces, _ and -."
