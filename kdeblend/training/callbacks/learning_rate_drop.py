"""The learning-rate schedule of the paper: one drop."""

from keras import ops

from kdeblend.training.callbacks.step_callback import StepCallback


class LearningRateDrop(StepCallback):
    """Multiply the learning rate of both optimizers once.

    Args:
        step: After this many steps, over all resumes.
        factor: By this factor.

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.4
    """

    def __init__(self, step=100_000, factor=0.1):
        super().__init__()
        if step < 1 or factor <= 0:
            raise ValueError(
                f"`step` and `factor` must be positive. Received: step={step}, factor={factor}"
            )
        self.drop_step = step
        self.factor = factor

    def on_step(self, step, logs):
        """Drop the learning rates when the step is reached."""
        if not self.passed(self.drop_step):
            return
        for optimizer in self.model.optimizer.optimizers:
            optimizer.learning_rate = self.factor * ops.convert_to_numpy(optimizer.learning_rate)


def check_settable(optimizers):
    """Check that the learning rates of optimizers are numbers, which can be set.

    Args:
        optimizers: Keras optimizers.

    Raises:
        ValueError: If one has a schedule of its own.
    """
    for optimizer in optimizers:
        if isinstance(optimizer.get_config()["learning_rate"], dict):
            raise ValueError(
                "`learning_rate_drop_step` must be 0, and `learning_rate` stay as it is, for an "
                f"optimizer with a schedule of its own. Received: {optimizer.name!r}"
            )
