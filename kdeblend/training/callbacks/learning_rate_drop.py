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

    def on_train_begin(self, logs=None):
        """Check that the learning rates can be set.

        Raises:
            ValueError: If an optimizer has a schedule of its own.
        """
        super().on_train_begin(logs)
        for optimizer in self.model.optimizer.optimizers:
            try:
                optimizer.learning_rate = ops.convert_to_numpy(optimizer.learning_rate)
            except TypeError as error:
                raise ValueError(
                    "`learning_rate_drop_step` must be 0 for an optimizer with a schedule of its "
                    f"own. Received: learning_rate_drop_step={self.drop_step} ({error})"
                ) from error

    def on_step(self, step, logs):
        """Drop the learning rates when the step is reached."""
        if not self.passed(self.drop_step):
            return
        for optimizer in self.model.optimizer.optimizers:
            optimizer.learning_rate = self.factor * ops.convert_to_numpy(optimizer.learning_rate)
