"""The process of one tracker: reads what to log from its input, and logs it."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from evalsuite.trackers.model import Target, Tracked


def main() -> None:
    """Log what standard input says; an error ends the process with a line about it."""
    work = json.load(sys.stdin)
    target = Target.model_validate(work["target"])
    tracked = [Tracked.model_validate(one) for one in work["tracked"]]
    by_series: dict[str, list[Tracked]] = {}
    for one in tracked:
        by_series.setdefault(one.series, []).append(one)
    log = {"wandb": log_wandb, "mlflow": log_mlflow, "trackio": log_trackio}[target.tracker]
    try:
        for series, several in by_series.items():
            log(target.project, series, sorted(several, key=lambda one: one.step or 0))
    except Exception as error:  # noqa: BLE001 - whatever a tracker raises is one line
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.exit(reason)


def run_id(project: str, series: str) -> str:
    """The id by which later checkpoints of a training join the same run."""
    return hashlib.sha256(f"{project}\0{series}".encode()).hexdigest()[:16]


def _package(name: str) -> Any:
    # By name: the packages are extras, and no type checker needs them.
    return import_module(name)


def log_wandb(project: str, series: str, tracked: Sequence[Tracked]) -> None:
    """Log to W&B; ``WANDB_MODE=offline`` is respected."""
    wandb = _package("wandb")
    settings = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False)
    run = wandb.init(
        project=project,
        name=series,
        id=run_id(project, series),
        resume="allow",
        job_type="evaluation",
        config={},
        settings=settings,
    )
    run.define_metric("*", step_metric="checkpoint_step")
    for one in tracked:
        run.config.update(one.config, allow_val_change=True)
        values: dict[str, Any] = dict(one.scores)
        if one.step is not None:
            values["checkpoint_step"] = one.step
        for samples in one.samples:
            rows = [list(row) for row in samples.rows]
            table = wandb.Table(columns=list(samples.columns), data=rows)
            values[f"samples/{samples.task}"] = table
        run.log(values)
        run.summary.update(one.scores)
        if one.alert:
            level = wandb.AlertLevel.INFO if one.alert.good else wandb.AlertLevel.ERROR
            run.alert(title=one.alert.title, text=one.alert.text, level=level)
        if one.files:
            artifact = wandb.Artifact(f"evalsuite-{run.id}", type="report")
            for path in one.files:
                artifact.add_file(path)
            run.log_artifact(artifact)
    run.finish()


def log_mlflow(project: str, series: str, tracked: Sequence[Tracked]) -> None:
    """Log to MLflow, where ``MLFLOW_TRACKING_URI`` says, else to its local default."""
    mlflow = _package("mlflow")
    mlflow.set_experiment(project)
    tag = run_id(project, series)
    known = mlflow.search_runs(
        filter_string=f"tags.evalsuite_run = '{tag}'", max_results=1, output_format="list"
    )
    about = {"run_id": known[0].info.run_id} if known else {"run_name": series}
    with mlflow.start_run(**about, log_system_metrics=False):
        mlflow.set_tag("evalsuite_run", tag)
        for one in tracked:
            step = one.step or 0
            mlflow.set_tags(one.config)
            mlflow.log_metrics({_key(key): value for key, value in one.scores.items()}, step=step)
            for samples in one.samples:
                data = {
                    column: [row[place] for row in samples.rows]
                    for place, column in enumerate(samples.columns)
                }
                mlflow.log_table(data, f"samples/{_key(samples.task)}-step-{step}.json")
            if one.alert:
                mlflow.set_tags({"verdict": one.alert.title, "verdict_text": one.alert.text})
            for path in one.files:
                mlflow.log_artifact(path, f"reports/step-{step}")


def _key(name: str) -> str:
    """A name with the characters that MLflow allows."""
    return re.sub(r"[^\w\-. /]", "-", name)


def log_trackio(project: str, series: str, tracked: Sequence[Tracked]) -> None:
    """Log to trackio: its local data base, or the Space that its variables name."""
    trackio = _package("trackio")
    trackio.init(
        project=project,
        name=series,
        config=dict(tracked[-1].config),
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    for one in tracked:
        values: dict[str, Any] = dict(one.scores)
        for samples in one.samples:
            frame = _package("pandas").DataFrame(list(samples.rows), columns=list(samples.columns))
            values[f"samples/{samples.task}"] = trackio.Table(dataframe=frame)
        trackio.log(values, step=one.step)
        if one.alert:
            level = trackio.AlertLevel.INFO if one.alert.good else trackio.AlertLevel.ERROR
            trackio.alert(title=one.alert.title, text=one.alert.text, level=level)
        for path in one.files:
            trackio.log_artifact(path, name=f"evalsuite-{run_id(project, series)}", type="report")
    trackio.finish()


if __name__ == "__main__":
    main()
