"""Kind ``alpaca_eval``: a judge compares the checkpoint's answers with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalsuite.installing import GENERATIVE, installed
from evalsuite.kinds.alpaca_eval.task import AlpacaEvalTask
from evalsuite.kinds.base import Context, Evaluation, Kind, Planned, Planning, Preview, Stage
from evalsuite.schema import CODE_VERSION

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint
    from evalsuite.engines.protocols import Generator
    from evalsuite.judging.judge import JudgeEngine
    from evalsuite.run.options import Resolved

ANSWER, JUDGE = "answer", "judge"


class AlpacaEvalKind(Kind[AlpacaEvalTask]):
    """AlpacaEval 1.0: a candidate answers, then a judge compares."""

    name = "alpaca_eval"
    imports = ("evalsuite.kinds.alpaca_eval.harness",)
    task_model = AlpacaEvalTask
    world = "generative"
    stages = (
        Stage(name=ANSWER, needs="generator", leaves="answered, to be judged"),
        Stage(name=JUDGE, needs="judge"),
    )
    options = frozenset({"judge", "limit_first"})

    def cannot(self, task: AlpacaEvalTask, checkpoint: Checkpoint, options: Resolved) -> str | None:
        from evalsuite.judging.judge import NEEDED

        if reason := checkpoint.cannot.get(self.world):
            return reason
        if checkpoint.chat is None or checkpoint.chat.template is None:
            return f"{task.category or task.name} needs a chat template"
        if options.judge is None:
            return NEEDED
        if options.judge_checkpoint is None and not installed("openai"):
            return f"a judge at an address needs the package openai; {GENERATIVE}"
        return None

    def plan(self, task: AlpacaEvalTask, planning: Planning) -> Planned:
        from evalsuite.judging.load import describe
        from evalsuite.kinds.shared.item_order import with_choice
        from evalsuite.kinds.shared.signatures import generative_signature

        signature = generative_signature(task, planning, f"evalsuite {CODE_VERSION}")
        options = planning.options
        if options.judge is not None:
            judge = describe(options.judge, options.judge_checkpoint)
            signature = signature.model_copy(update={"judge": judge})
        return Planned(signature=with_choice(signature, options))

    def done(self, stage: str, task: AlpacaEvalTask, context: Context) -> bool:
        from evalsuite.kinds.alpaca_eval.harness import AlpacaEvalHarness

        return stage == ANSWER and AlpacaEvalHarness().answered(task, context)

    def run(
        self, stage: str, task: AlpacaEvalTask, engine: Generator | JudgeEngine, context: Context
    ) -> Evaluation | None:
        from evalsuite.engines.protocols import Generator
        from evalsuite.kinds.alpaca_eval.harness import AlpacaEvalHarness

        if stage == JUDGE:
            assert not isinstance(engine, Generator)
            return AlpacaEvalHarness().judge(task, engine, context)
        assert isinstance(engine, Generator)
        AlpacaEvalHarness().answer(task, engine, context)
        return None

    def preview(self, task: AlpacaEvalTask, context: Context) -> list[Preview]:
        from evalsuite.kinds.alpaca_eval.harness import AlpacaEvalHarness

        return AlpacaEvalHarness().preview(task, context)
