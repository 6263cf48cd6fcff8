"""Starting a run for a caller: the same steps for every route, and the same words when it may not start.

Source: contract 2.7, pre-flight.
"""

import hashlib
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from engine.server.errors import ApiError, unavailable
from engine.server.modelgate import require_models
from engine.server.runs.loaded import LoadedWorkflow
from engine.server.runs.port import (
    Idempotency,
    KeyUsedOtherwise,
    Run,
    RunOrder,
    TooManyRuns,
    WorkflowChanged,
)
from engine.server.services import Services

Reload = Callable[[], Awaitable[LoadedWorkflow]]
ATTEMPTS = 8
MAX_KEY = 255
KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


async def start_run(services: Services, order: RunOrder, reload: Reload) -> tuple[Run, LoadedWorkflow]:
    """The run, recorded and under way, and the workflow as it runs.

    `reload` loads the workflow again when it has changed meanwhile, and decides anew whether the caller may run it.

    Raises:
        ApiError: the run cannot start now, or asks a model that cannot be asked.
        WebhookNotActive: it was to claim a webhook call, and may not.
    """
    for _ in range(ATTEMPTS):
        await require_models(services, order)
        try:
            return await services.runs.start(order), order.workflow
        except WorkflowChanged:
            order = replace(order, workflow=await reload())
        except TooManyRuns as error:
            raise unavailable(str(error)) from None
        except KeyUsedOtherwise as error:
            raise ApiError(422, str(error), KEY_REUSED) from None
    raise unavailable("The workflow is being changed all the time. Try again in a moment.")


def idempotency_of(key: str | None, scope: str, body: bytes) -> Idempotency | None:
    """What a caller promises with an `Idempotency-Key`; None when there is none.

    Raises:
        ApiError: 400, the key is too long or holds what no header should.
    """
    if not key:
        return None
    if len(key) > MAX_KEY or not key.isprintable():
        raise ApiError(400, f"Idempotency-Key must be at most {MAX_KEY} printable characters.")
    return Idempotency(scope, key, hashlib.sha256(body).hexdigest())
