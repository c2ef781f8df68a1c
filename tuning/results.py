"""What a search leaves behind: the table of trials and the best configuration."""

import shutil
from pathlib import Path

from kdeblend.io.atomic import atomic_path, write_csv
from kdeblend.training.config import TrainingConfig
from kdeblend.training.folder import RunFolder
from kdeblend.tuning.config import SearchConfig
from kdeblend.tuning.figures import draw_parallel, draw_pareto, trained_longest
from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.hparams import write_hparams
from kdeblend.tuning.record import COMPLETED, FINISHED, TrialRecord, best_of, read_records
from kdeblend.tuning.space import SEARCHED, label

MEASURED = ("psnr", "parameters", "seconds", "ms", "step", "steps")


def searched_names(records: list[TrialRecord]) -> list[str]:
    """Return the names of what was searched: M, N and depth first, if they were.

    Args:
        records: Trials in any state.
    """
    found = dict.fromkeys(name for record in records for name in record.values)
    return [name for name in SEARCHED if name in found] + [n for n in found if n not in SEARCHED]


def write_table(folder: SearchFolder) -> list[TrialRecord]:
    """Write trials.csv and the best configuration so far.

    Args:
        folder: The folder of the search.

    Returns:
        The trials.
    """
    records = read_records(folder.trials)
    names = searched_names(records)
    columns = ["trial", *map(label, names), *MEASURED, "state", "reason"]
    write_csv(folder.table, columns, (_row(record, names) for record in records))
    _write_best(folder, best_of(records))
    return records


def write_results(folder: SearchFolder, config: SearchConfig) -> list[TrialRecord]:
    """Write the table, the best configuration, the pictures and the HParams.

    Args:
        folder: The folder of the search.
        config: Its settings.

    Returns:
        The trials.
    """
    records = write_table(folder)
    if best_of(records) is not None:
        longest = trained_longest(records)  # may lack what only shorter trials searched
        draw_pareto(longest, folder.pareto)
        draw_parallel(longest, searched_names(longest), folder.parallel)
        names = searched_names([record for record in records if record.state == COMPLETED])
        write_hparams(records, names, folder.tensorboard)
    if config.oracle != "hyperband":  # whose later trials may go on from any earlier one
        _remove_checkpoints(folder, records)
    return records


def _row(record: TrialRecord, names: list[str]) -> list[object]:
    values = [record.values.get(name, "") for name in names]
    measured = [getattr(record, name) for name in MEASURED]
    shown = [round(each, 4) if isinstance(each, float) else each for each in measured]
    return [record.number, *values, *shown, record.state, record.reason]


def _write_best(folder: SearchFolder, best: TrialRecord | None) -> None:
    if best is None:
        return
    TrainingConfig(**best.config).save(folder.best_config)
    with atomic_path(folder.best_generator) as temporary:
        shutil.copyfile(_run(folder, best).generator, temporary)


def _run(folder: SearchFolder, record: TrialRecord) -> RunFolder:
    return RunFolder(folder.trial(str(record.number - 1)) / "run-1")


def _remove_checkpoints(folder: SearchFolder, records: list[TrialRecord]) -> None:
    """Remove what takes most room and no one needs: checkpoints of all finished but the best."""
    best = best_of(records)
    for record in records:
        if record is not best and record.state in FINISHED:
            for run in Path(folder.trial(str(record.number - 1))).glob("run-*"):
                shutil.rmtree(RunFolder(run).checkpoints, ignore_errors=True)
