"""From the perceptual loss alone to the adversarial game."""

from kdeblend.training.callbacks.step_callback import StepCallback


class BurnInSwitch(StepCallback):
    """Train on the perceptual loss alone for the first steps, then adversarially.

    Sets the weight `burning_in` of a `DeblendingGAN`, which a compiled training
    step reads; counts steps over all calls of `fit` and resumes.

    Args:
        steps: Length of the burn-in; 0 has none.

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.2.2
    """

    def __init__(self, steps):
        super().__init__()
        if steps < 0:
            raise ValueError(f"`steps` must not be negative. Received: steps={steps}")
        self.steps = steps

    def on_train_begin(self, logs=None):
        """Set the phase that the step belongs to.

        Raises:
            ValueError: If burn-in is due and the GAN has no perceptual loss.
        """
        super().on_train_begin(logs)
        burning_in = self.step < self.steps
        if burning_in and self.model.perceptual_loss is None:
            raise ValueError(
                "A `DeblendingGAN` must have a `perceptual_loss` for burn-in. "
                f"Received: steps={self.steps}, perceptual_loss=None"
            )
        self.model.burning_in.assign(float(burning_in))

    def on_step(self, step, logs):
        """End the burn-in when its last step is done."""
        if self.passed(self.steps):
            self.model.burning_in.assign(0.0)
