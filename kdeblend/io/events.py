"""TensorBoard event files, written without TensorFlow."""

import io
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


class EventWriter:
    """Writes scalars and pictures that TensorBoard shows.

    Args:
        folder: Where the event file goes; each writer that writes something makes a new one.
    """

    def __init__(self, folder: str | Path):
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event = event_pb2.Event
        self._summary = summary_pb2.Summary
        self._open = partial(EventFileWriter, str(folder))
        self._writer: Any = None

    def scalars(self, step: int, values: dict[str, float], time: float) -> None:
        """Add numbers to the curves of their names.

        Args:
            step: Training step.
            values: Numbers by name.
            time: Seconds since the epoch.
        """
        value = self._summary.Value
        self._add(step, time, [value(tag=k, simple_value=v) for k, v in values.items()])

    def image(self, step: int, name: str, image: np.ndarray, time: float) -> None:
        """Add a picture.

        Args:
            step: Training step.
            name: Title of the picture.
            image: Array `(height, width, 3)`, uint8.
            time: Seconds since the epoch.
        """
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="PNG")
        picture = self._summary.Image(
            height=image.shape[0],
            width=image.shape[1],
            colorspace=3,
            encoded_image_string=buffer.getvalue(),
        )
        self._add(step, time, [self._summary.Value(tag=name, image=picture)])

    def hparams_experiment(
        self, values: dict[str, list[Any]], metrics: Iterable[str], time: float
    ) -> None:
        """Say which hyper-parameters and metrics the HParams page shows.

        Args:
            values: Values that each hyper-parameter took, by name.
            metrics: Names of the numbers to compare, as `scalars` writes them.
            time: Seconds since the epoch.
        """
        from tensorboard.plugins.hparams import summary_v2

        page = summary_v2.hparams_config_pb(
            hparams=[summary_v2.HParam(name, _domain(each)) for name, each in values.items()],
            metrics=[summary_v2.Metric(name) for name in metrics],
            time_created_secs=time,
        )
        self._add(0, time, page.value)

    def hparams_session(self, name: str, values: dict[str, Any], time: float) -> None:
        """Say which hyper-parameters this writer's numbers belong to.

        Args:
            name: What the HParams page calls them.
            values: Hyper-parameters by name: numbers, strings or booleans.
            time: Seconds since the epoch.
        """
        from tensorboard.plugins.hparams import summary_v2

        session = summary_v2.hparams_pb(values, trial_id=name, start_time_secs=time)
        self._add(0, time, session.value)

    def close(self) -> None:
        """Write what is still buffered and close the file."""
        if self._writer is not None:
            self._writer.close()

    def _add(self, step: int, time: float, values: Iterable[Any]) -> None:
        if self._writer is None:
            self._writer = self._open()
        summary = self._summary(value=values)
        self._writer.add_event(self._event(step=step, wall_time=time, summary=summary))


def _domain(values: list[Any]) -> Any:
    """Return the range of numbers, or the set of other values."""
    from tensorboard.plugins.hparams import summary_v2

    if any(isinstance(each, str | bool) for each in values):
        return summary_v2.Discrete(sorted(set(values)))
    return summary_v2.RealInterval(float(min(values)), float(max(values)))
