"""From the hyper-parameters of a trial to networks: what others subclass."""

from typing import Any

import keras_tuner

from kdeblend.models.gan import DeblendingGAN
from kdeblend.training.config import TrainingConfig
from kdeblend.training.networks import build_gan
from kdeblend.tuning.config import SearchConfig


class DeblendingHyperModel(keras_tuner.HyperModel):
    """The networks of a search.

    Subclasses search more by overriding `configure`, or build networks of
    their own by overriding `build_networks`.

    Args:
        config: The settings of the search.

    Example:
        >>> class WithMomentum(DeblendingHyperModel):
        ...     def configure(self, hp):
        ...         momentum = hp.Choice("average_momentum", [0.9, 0.99, 0.999])
        ...         return super().configure(hp).replace(average_momentum=momentum)
    """

    def __init__(self, config: SearchConfig):
        super().__init__(name="kdeblend")
        self.space = config.space()

    def configure(self, hp: keras_tuner.HyperParameters) -> TrainingConfig:
        """Declare what is searched and return the configuration of a full training.

        Args:
            hp: Hyper-parameters of a trial. Ask for each by `hp.Int`, `hp.Choice`
                and so on, always for all of them, so that the space is known.

        Raises:
            ValueError: If the values are impossible; the trial is then recorded as failed.
        """
        return self.space.apply(self.space.values(hp))

    def build_networks(self, config: TrainingConfig, bands: int) -> DeblendingGAN:
        """Build and compile the networks that a trial trains.

        Args:
            config: What `configure` returned, with the trial's schedule.
            bands: Bands of the images.
        """
        return build_gan(config, bands)

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        """Return compiled networks for images of three bands, for tuners of keras-tuner.

        Args:
            hp: Hyper-parameters of a trial.
        """
        return self.build_networks(self.configure(hp), bands=3)
