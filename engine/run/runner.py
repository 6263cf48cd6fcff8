"""Runs a plan: inline what cannot wait, a task for what can, one event for everything that happens.

A block that fails does not take the run down. Whatever ends a run - its last block, its deadline, a cancel - leaves no
task behind and closes with `RunFinished`.
"""

import asyncio
import inspect
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import Outcome, Repeat
from engine.document import Json, JsonObject, Workflow
from engine.errors import BlockError, BlockloomError, DeadlineExceeded, RunError, UnknownBlock
from engine.events import (
    AnyEvent,
    BlockChunk,
    BlockFailed,
    BlockFinished,
    BlockRetrying,
    BlockSkipped,
    BlockStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    Stream,
)
from engine.references import text_form
from engine.run.clock import Clock, SystemClock
from engine.run.context import Services, StepContext
from engine.run.plan import Plan, Step
from engine.run.policy import MAX_DELAY_S, Policy, read_policy
from engine.run.progress import Progress, Skip
from engine.run.values import JsonGuard

Emit = Callable[[AnyEvent], None]
DEADLINE_S = 300.0
SLOTS = 64
INLINE_SLICE_S = 0.005
"""How long blocks may run inline before others on the event loop get a turn."""
HIDDEN = "••••••"
NO_REASON = "It failed without saying why."
MAX_FOREIGN_TEXT = 500
MAX_ERROR_TEXT = 10_000


async def run(
    workflow: Workflow,
    emit: Emit,
    *,
    catalog: Catalog | None = None,
    services: Services | None = None,
    variables: JsonObject | None = None,
    until: str | None = None,
    run_id: str | None = None,
    clock: Clock | None = None,
    deadline_s: float | None = DEADLINE_S,
    slots: int = SLOTS,
) -> RunFinished:
    """Run a workflow and return its last event. See `run_plan`, which this compiles the workflow for.

    Raises:
        CycleError: the blocks form a cycle; no event was emitted.
    """
    plan = Plan(workflow, catalog or default_catalog(), text_form())
    return await run_plan(
        plan,
        emit,
        services=services,
        variables=variables,
        until=until,
        run_id=run_id,
        clock=clock,
        deadline_s=deadline_s,
        slots=slots,
    )


async def run_plan(
    plan: Plan,
    emit: Emit,
    *,
    services: Services | None = None,
    variables: JsonObject | None = None,
    until: str | None = None,
    run_id: str | None = None,
    clock: Clock | None = None,
    deadline_s: float | None = DEADLINE_S,
    slots: int = SLOTS,
) -> RunFinished:
    """Run a compiled workflow and return its last event; `emit` gets every event as it happens, in order.

    `until` is a block id: only what that block needs is run. At most `slots` blocks wait for something at a time.
    Cancelling the caller ends the run: open blocks are closed, `RunFinished` says "cancelled", `CancelledError` passes.

    Raises:
        UnknownBlock: `until` is not in the workflow; no event was emitted.
        RunError: the variables are no JSON object; no event was emitted.
    """
    if variables is not None and not isinstance(variables, dict):
        raise RunError("Run variables are an object of names and values; this is none.")
    if until is not None and until not in plan.workflow.blocks:
        raise UnknownBlock(f"There is no block with the id {until!r} to run to.")
    selected = None if until is None else plan.up_to(until)
    run_ = _Run(plan, Progress(plan, selected), emit, services or Services(), variables or {}, clock or SystemClock())
    return await run_.execute(run_id or str(uuid.uuid4()), deadline_s, slots)


class _Run:
    """One run from its first event to its last; the `RunScope` of its blocks.

    Nothing that it holds refers back to it, so that it goes as soon as it has ended, without the garbage collector.
    """

    def __init__(
        self, plan: Plan, progress: Progress, emit: Emit, services: Services, variables: JsonObject, clock: Clock
    ) -> None:
        self.plan = plan
        self.progress = progress
        self.services = services
        self.variables = {**plan.workflow.variables, **variables}
        self.effective = {**plan.declared_variables, **self.variables}
        self._emit = emit
        self._clock = clock
        self._monotonic = clock.monotonic
        self._guard = JsonGuard()
        self._seq = 0
        self._began = clock.monotonic()
        self._epoch = clock.time() - self._began
        self._open: dict[int, float | None] = {}
        """Steps that have a task, with the time they began; None until the event loop got to it."""
        self._queue: deque[Step] = deque()
        self._step_ended = asyncio.Event()

    async def execute(self, run_id: str, deadline_s: float | None, slots: int) -> RunFinished:
        await self._check_variables()
        self._put(
            RunStarted,
            self._began,
            run_id=run_id,
            workflow_name=self.plan.workflow.name,
            variables=self.effective,
            blocks=self.plan.block_ids,
        )
        try:
            if self.plan.can_wait:
                async with self._clock.timeout(deadline_s), asyncio.TaskGroup() as tasks:
                    await self._work(tasks, slots)
            else:
                await self._compute(deadline_s)
        except TimeoutError:
            text = f"The run took longer than the {deadline_s:g} s it may take and was stopped."
            self._close_open(text)
            return self._end("failed", error=text)
        except asyncio.CancelledError:
            self._close_open("The run was cancelled.")
            self._end("cancelled")
            raise
        return self._end("completed", output=self.progress.final_output())

    async def _check_variables(self) -> None:
        """Also makes them known to the guard, so that blocks which pass them on need not look at them again."""
        try:
            await self._guard.check_in_turns(self.variables)
        except BlockError as error:
            raise RunError(f"The run variables cannot be used. {error}") from None

    async def _work(self, tasks: asyncio.TaskGroup, slots: int) -> None:
        progress, monotonic = self.progress, self._monotonic
        pause_at = monotonic() + INLINE_SLICE_S
        while True:
            step = progress.take()
            if step is None:
                self._start_queued(tasks, slots)
                if not self._open:
                    return
                self._step_ended.clear()
                await self._step_ended.wait()
                pause_at = monotonic() + INLINE_SLICE_S
                continue
            skip = progress.why_not(step)
            if skip is not None:
                self._skip(step, skip)
            elif step.inline:
                now = self._run_inline(step)
                if now > pause_at:
                    await asyncio.sleep(0)
                    pause_at = monotonic() + INLINE_SLICE_S
            else:
                self._queue.append(step)
                self._start_queued(tasks, slots)

    async def _compute(self, deadline_s: float | None) -> None:
        """Run a plan in which nothing waits. A short one never gives up the event loop, nor needs a task to run in."""
        progress = self.progress
        pause_at = self._monotonic() + INLINE_SLICE_S
        ends_at = float("inf") if deadline_s is None else self._began + deadline_s
        while (step := progress.take()) is not None:
            skip = progress.why_not(step)
            if skip is not None:
                self._skip(step, skip)
                continue
            now = self._run_inline(step)
            if now > pause_at:
                if now > ends_at:
                    raise TimeoutError
                await asyncio.sleep(0)
                pause_at = self._monotonic() + INLINE_SLICE_S

    def _start_queued(self, tasks: asyncio.TaskGroup, slots: int) -> None:
        while self._queue and len(self._open) < slots:
            step = self._queue.popleft()
            self._open[step.index] = None
            tasks.create_task(self._run_in_task(step), name=f"block {step.block.id}")

    def _run_inline(self, step: Step) -> float:
        """Run a block that cannot wait; returns the time when it ended."""
        began = self._monotonic()
        context = StepContext(self, step)
        try:
            config = self._prepare(step, context, began) if step.has_mappings else context.prepare()
            self._put_started(step, config, 1, began, context.unmet)
            outcome = step.run(context, config)
            if type(outcome) is not Outcome:
                outcome = _outcome(outcome)
            self._guard.check(outcome.result)
        except Exception as error:  # noqa: BLE001 - the border: whatever a block raises is that block's failure
            return self._fail(step, error, began)
        return self._finish(step, outcome, began)

    async def _run_in_task(self, step: Step) -> None:
        began = self._open[step.index] = self._monotonic()
        context = StepContext(self, step)
        try:
            outcome = await self._attempts(step, context, began)
            await self._guard.check_in_turns(outcome.result)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._fail(step, BlockError("It was cancelled from within."), began)
        except Exception as error:  # noqa: BLE001 - the border: whatever a block raises is that block's failure
            self._fail(step, error, began)
        else:
            self._finish(step, outcome, began)
        finally:
            context.close()
        del self._open[step.index]
        self._step_ended.set()

    async def _attempts(self, step: Step, context: StepContext, began: float) -> Outcome:
        """The outcome of the last attempt. A raised failure and a reported one are both tried again."""
        config = self._prepare(step, context, began)
        self._put_started(step, config, 1, began, context.unmet)
        policy = read_policy(config, step.block_type)
        context.timeout_s = policy.timeout_s
        attempt = 1
        while True:
            try:
                outcome = await self._attempt(step, context, config, policy)
            except Exception as error:
                if attempt == policy.attempts or not getattr(error, "retryable", True):
                    raise
                repeat = Repeat(failure_text(error, step))
            else:
                wished = _repeat_after(outcome, policy) if attempt < policy.attempts else None
                if wished is None:
                    return outcome
                repeat = wished
            delay_s = max(policy.delay_after(attempt), repeat.not_before_s)
            self._put(
                BlockRetrying,
                self._monotonic(),
                block_id=step.block.id,
                attempt=attempt,
                error=_presentable(repeat.reason),
                delay_s=delay_s,
            )
            await self._clock.sleep(delay_s)
            attempt += 1
            self._put_started(step, config, attempt, self._monotonic(), context.unmet)

    async def _attempt(self, step: Step, context: StepContext, config: JsonObject, policy: Policy) -> Outcome:
        timeout = self._clock.timeout(policy.timeout_s)
        try:
            async with timeout:
                answer = step.run(context, config)
                return _outcome(answer if isinstance(answer, Outcome) else await answer)
        except TimeoutError:
            if not timeout.expired():
                raise
            assert policy.timeout_s is not None
            raise DeadlineExceeded(f"It took longer than the {policy.timeout_s * 1000:g} ms it may take.") from None

    def _prepare(self, step: Step, context: StepContext, began: float) -> JsonObject:
        try:
            return context.prepare()
        except BlockError:
            self._put_started(step, step.config, 1, began, ())  # every failure has a start before it
            raise

    def _finish(self, step: Step, outcome: Outcome, began: float) -> float:
        ended = self._monotonic()
        result, error = outcome.result, outcome.error
        if error is not None:
            error = _presentable(error)
        self.progress.finish(step, result)
        self._seq += 1
        self._emit(
            BlockFinished(
                self._seq,
                self._epoch + ended,
                block_id=step.block.id,
                result=result,
                duration_ms=(ended - began) * 1000,
                error=error,
                warnings=outcome.warnings,
            )
        )
        return ended

    def _fail(self, step: Step, error: Exception, began: float) -> float:
        ended = self._monotonic()
        self.progress.fail(step)
        text = failure_text(error, step)
        self._put(BlockFailed, ended, block_id=step.block.id, error=text, duration_ms=(ended - began) * 1000)
        return ended

    def _skip(self, step: Step, skip: Skip) -> None:
        self.progress.skip(step, skip)
        self._put(
            BlockSkipped,
            self._monotonic(),
            block_id=step.block.id,
            reason=skip.reason,
            text=skip.text,
            because_of=skip.because_of,
        )

    def _put_started(self, step: Step, config: JsonObject, attempt: int, now: float, unmet: tuple[str, ...]) -> None:
        block = step.block
        if step.secret_keys:
            config = {key: HIDDEN if key in step.secret_keys and value else value for key, value in config.items()}
        self._seq += 1
        self._emit(
            BlockStarted(
                self._seq,
                self._epoch + now,
                block_id=block.id,
                block_type=block.type,
                block_name=block.name,
                config=config,
                inputs=self.progress.input_ids(step),
                attempt=attempt,
                warnings=unmet and _about_unmet(unmet),
            )
        )

    def say(self, block_id: str, text: str, stream: Stream) -> None:
        """Emit a piece of text of the block with this id."""
        self._put(BlockChunk, self._monotonic(), block_id=block_id, text=text, stream=stream)

    def tell(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        """Emit an event of this class with these fields."""
        self._put(kind, self._monotonic(), **fields)

    def _close_open(self, text: str) -> None:
        """Say of every block that has not ended how the end of the run found it."""
        now = self._monotonic()
        for step in self.plan.steps:
            began = self._open.pop(step.index, None)
            if began is not None:
                self._put(BlockFailed, now, block_id=step.block.id, error=text, duration_ms=(now - began) * 1000)
            elif not self.progress.is_settled(step):
                self._put(BlockSkipped, now, block_id=step.block.id, reason="cancelled", text=text)

    def _end(self, status: RunStatus, output: Json = None, error: str | None = None) -> RunFinished:
        now = self._monotonic()
        self._seq += 1
        event = RunFinished(
            self._seq,
            self._epoch + now,
            status=status,
            output=output,
            error=error,
            duration_ms=(now - self._began) * 1000,
        )
        self._emit(event)
        return event

    def _put(self, kind: Callable[..., AnyEvent], now: float, **fields: Any) -> None:
        self._seq += 1
        self._emit(kind(self._seq, self._epoch + now, **fields))


def failure_text(error: Exception, step: Step) -> str:
    """What people read about a failure: our own errors as they are, a foreign one as a sentence, never a secret."""
    text = str(error).strip()
    if not isinstance(error, BlockloomError):
        first_line = text.splitlines()[0][:MAX_FOREIGN_TEXT] if text else ""
        text = f"It stopped with an unexpected {type(error).__name__}{': ' if first_line else '.'}{first_line}"
    for key in step.secret_keys:
        secret = step.config.get(key)
        if isinstance(secret, str) and secret:
            text = text.replace(secret, HIDDEN)
    return _presentable(text)


def _presentable(text: str) -> str:
    """A text for people, which can be sent: never empty, without halves of characters, and not without an end."""
    shown = text.strip()[:MAX_ERROR_TEXT] or NO_REASON
    return shown if shown.isascii() else shown.encode("utf-8", "replace").decode()


def _about_unmet(references: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"{text} has no value in this run, so it stays as it is written." for text in dict.fromkeys(references)
    )


def _repeat_after(outcome: Outcome, policy: Policy) -> Repeat | None:
    """What to say of another attempt; None when there shall be none."""
    repeat = outcome.repeat
    if repeat is None:
        return None if outcome.error is None else Repeat(outcome.error)
    is_wanted = repeat.is_useful and (repeat.is_safe or policy.repeats_unsafe)
    return repeat if is_wanted and repeat.not_before_s <= MAX_DELAY_S else None


def _outcome(value: object) -> Outcome:
    if isinstance(value, Outcome) and type(value.result) is dict:
        return value
    if inspect.iscoroutine(value):
        value.close()
    raise BlockError(f"Its run function returned {type(value).__name__} where an Outcome is due.", retryable=False)
