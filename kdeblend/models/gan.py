"""The generative adversarial network: what is learned from one batch of blends."""

import keras
from keras import ops

from kdeblend.backend import GradientModel, held_if
from kdeblend.models.losses import PIXEL_LOSSES, fake_loss, real_loss
from kdeblend.models.precision import copy_in_precision


@keras.saving.register_keras_serializable(package="kdeblend")
class DeblendingGAN(GradientModel):
    """A generator of two galaxies, trained against the truth and a discriminator.

    One step updates the generator, then the discriminator on the images that the
    generator has just made. While the weight `burning_in` is 1, not 0, the
    generator learns from the perceptual loss alone and the discriminator rests.
    Otherwise what the generator's layers add to the loss, such as regularizers, counts, too.

    Args:
        generator: Model from blends `(n, height, width, bands)` in [0, 1] to
            two images of that shape in [-1, 1].
        discriminator: Model from images to logits of "real", or None to
            train on the pixel loss alone.
        perceptual_loss: A `PerceptualLoss`, or None; burn-in needs one.
        pixel_loss: Name of a registered pixel loss.
        adversarial_weight: Weight of the adversarial loss in the generator's.
        perceptual_weight: Weight of the perceptual loss after burn-in.
        average_momentum: Momentum of the moving average of the generator's
            weights, which `averaged_generator` holds.
        **kwargs: Arguments of `keras.Model`.

    Raises:
        ValueError: If `pixel_loss` is unknown, or `perceptual_weight` is
            positive and there is no `perceptual_loss`.

    Example:
        >>> gan = DeblendingGAN(build_generator(), build_discriminator(), PerceptualLoss())
        >>> gan.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4))
        >>> gan.fit(blends, callbacks=[BurnInSwitch(2000)], shuffle=False)

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.2
    """

    def __init__(
        self,
        generator,
        discriminator=None,
        perceptual_loss=None,
        pixel_loss="mse",
        adversarial_weight=1e-3,
        perceptual_weight=0.0,
        average_momentum=0.999,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if perceptual_weight > 0 and perceptual_loss is None:
            raise ValueError(
                "`perceptual_loss` must be given if `perceptual_weight` is positive. "
                f"Received: perceptual_weight={perceptual_weight}, perceptual_loss=None"
            )
        if not generator.trainable_variables:
            generator.trainable = True  # as the presets are saved
        self.generator = generator
        self.discriminator = discriminator
        self.perceptual_loss = perceptual_loss
        self.pixel_loss = pixel_loss
        self._pixel_loss = PIXEL_LOSSES[pixel_loss]
        self.adversarial_weight = adversarial_weight
        self.perceptual_weight = perceptual_weight
        self.average_momentum = average_momentum
        self.averaged_generator = copy_in_precision(generator, "float32")
        self.averaged_generator.trainable = False
        self.burning_in = self.add_weight(
            name="burning_in", shape=(), initializer="zeros", trainable=False
        )
        self.built = True

    def call(self, blends, training=None):
        """Return the two galaxies of each blend, from the current weights.

        Args:
            blends: Images `(n, height, width, bands)` in [0, 1].
            training: Whether batch normalisation uses the batch's statistics.

        Returns:
            Two images `(n, height, width, bands)` in [-1, 1].
        """
        return self.generator(blends, training=training)

    def compile(self, generator_optimizer, discriminator_optimizer=None, **kwargs):
        """Set the optimizers and build them.

        Args:
            generator_optimizer: A Keras optimizer.
            discriminator_optimizer: Another one; None if there is no discriminator.
            **kwargs: Arguments of `keras.Model.compile`.

        Raises:
            ValueError: If there is a discriminator and no optimizer for it.
        """
        if self.discriminator is not None and discriminator_optimizer is None:
            raise ValueError(
                "`discriminator_optimizer` must be given, because there is a discriminator. "
                "Received: discriminator_optimizer=None"
            )
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        in_generator = {id(v) for v in self.generator.trainable_variables}

        def optimizer_of(variable):
            return generator_optimizer if id(variable) in in_generator else discriminator_optimizer

        optimizer = keras.optimizers.MultiOptimizer(optimizer_of)
        optimizer.build(self.trainable_variables)
        super().compile(optimizer=optimizer, **kwargs)

    @property
    def steps_done(self):
        """Updates of the generator so far, over all resumes, an int."""
        return int(ops.convert_to_numpy(self.generator_optimizer.iterations))

    def update(self, data):
        """Update both networks on one batch.

        Args:
            data: `(blend, (first, second))`, images `(n, height, width, bands)`;
                the blend in [0, 1], the galaxies in [-1, 1].

        Returns:
            Every loss and gradient norm by name, float32 scalars.
        """
        blend, truth = keras.utils.unpack_x_y_sample_weight(data)[:2]
        blend = ops.convert_to_tensor(blend)
        truth = [ops.convert_to_tensor(each) for each in truth]
        with held_if(self._is_burning_in(), self._discriminator_state()):
            generated, logs = self._update_generator(blend, truth)
            if self.discriminator is not None:
                logs |= self._update_discriminator(truth, generated)
        self._update_average()
        return logs

    def _update_generator(self, blend, truth):
        def objective():
            generated = [ops.cast(g, "float32") for g in self.generator(blend, training=True)]
            losses = self._generator_losses(truth, generated)
            return losses["generator_loss"], (generated, losses)

        (generated, logs), norm = self.minimize(
            objective, self.generator.trainable_variables, self.generator_optimizer
        )
        generated = [ops.stop_gradient(g) for g in generated]
        return generated, logs | {"generator_gradient_norm": norm}

    def _generator_losses(self, truth, generated):
        pixel = 0.5 * sum(self._pixel_loss(t, g) for t, g in zip(truth, generated, strict=True))
        losses = {"pixel_loss": pixel}
        total = pixel
        if self.discriminator is not None:
            logits = self.discriminator(ops.concatenate(generated), training=True)
            losses["adversarial_loss"] = real_loss(logits)
            total = total + self.adversarial_weight * losses["adversarial_loss"]
        if self.generator.losses:
            added = [ops.cast(each, "float32") for each in self.generator.losses]
            losses["regularization_loss"] = sum(added)
            total = total + losses["regularization_loss"]
        if self.perceptual_loss is not None:
            losses["perceptual_loss"] = perceptual = self._perceptual(truth, generated)
            total = total + self.perceptual_weight * perceptual
            total = ops.where(self._is_burning_in(), perceptual, total)
        return {"generator_loss": total, **losses}

    def _perceptual(self, truth, generated):
        def distance():
            return self.perceptual_loss(ops.concatenate(truth), ops.concatenate(generated))

        if self.perceptual_weight > 0:
            return distance()
        return ops.cond(self._is_burning_in(), distance, lambda: ops.zeros((), "float32"))

    def _is_burning_in(self):
        return ops.convert_to_tensor(self.burning_in) > 0

    def _update_discriminator(self, truth, generated):
        def objective():
            real = real_loss(self.discriminator(ops.concatenate(truth), training=True))
            fake = fake_loss(self.discriminator(ops.concatenate(generated), training=True))
            losses = {
                "discriminator_loss": 0.5 * (real + fake),
                "discriminator_real_loss": real,
                "discriminator_fake_loss": fake,
            }
            return losses["discriminator_loss"], losses

        logs, norm = self.minimize(
            objective, self.discriminator.trainable_variables, self.discriminator_optimizer
        )
        return logs | {"discriminator_gradient_norm": norm}

    def _discriminator_state(self):
        if self.discriminator is None or self.perceptual_loss is None:
            return []
        return [*self.discriminator.variables, *self.discriminator_optimizer.variables]

    def _update_average(self):
        """Move the averages; the first steps count more, lest the initial weights stay."""
        step = ops.cast(self.generator_optimizer.iterations, "float32")
        momentum = ops.minimum(self.average_momentum, step / (step + 10))
        pairs = zip(self.averaged_generator.variables, self.generator.variables, strict=True)
        for average, variable in pairs:
            average.assign(momentum * average + (1 - momentum) * variable)

    def get_config(self):
        """Return the constructor arguments, the networks serialised."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "perceptual_loss": serialize(self.perceptual_loss),
            "pixel_loss": self.pixel_loss,
            "adversarial_weight": self.adversarial_weight,
            "perceptual_weight": self.perceptual_weight,
            "average_momentum": self.average_momentum,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Build the GAN and its networks from what `get_config` returned."""
        config = dict(config)
        for name in ("generator", "discriminator", "perceptual_loss"):
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**config)

    def get_compile_config(self):
        """Return the two optimizers, serialised, and what else `compile` was given."""
        serialize = keras.saving.serialize_keras_object
        return {
            "generator_optimizer": serialize(self.generator_optimizer),
            "discriminator_optimizer": serialize(self.discriminator_optimizer),
            "jit_compile": self.jit_compile,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config):
        """Compile with what `get_compile_config` returned."""
        config = dict(config)
        for name in ("generator_optimizer", "discriminator_optimizer"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        self.compile(**config)
