"""Muon for convolutions, which needs fewer steps than Adam."""

import re

import keras
from keras import ops

MOST_INPUTS = 9
"""Of a kernel with more inputs than that for each output, the updates are made smaller."""


@keras.saving.register_keras_serializable(package="kdeblend")
class ConvolutionMuon(keras.optimizers.Muon):
    """Keras' Muon, which knows matrices only, for the kernels of convolutions.

    A kernel `(height, width, in, out)` is taken as a matrix `(height * width * in, out)`, and its
    momentum is made orthogonal before it is applied, so that no direction of the gradient, however
    small, is left behind. Updates have the root mean square of Adam's, so learning rates for Adam
    fit; only where a large kernel leads to few channels, as before the output, they are smaller,
    lest a step moves the output too far. All else, biases, slopes, normalisation, dense layers and
    depthwise convolutions, is trained by Adam.

    Args:
        learning_rate: Learning rate or schedule, for both parts.
        compute_dtype: Precision of the orthogonalisation; None takes that of the
            global dtype policy.
        **kwargs: Arguments of `keras.optimizers.Muon`. Weights do not decay by default.

    Reference:
        [Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/);
        [Liu et al., 2025](https://arxiv.org/abs/2502.16982);
        [Yang et al., 2023](https://arxiv.org/abs/2310.17813), a spectral condition
    """

    def __init__(self, learning_rate=1e-3, compute_dtype=None, **kwargs):
        defaults = {"weight_decay": None, "adam_weight_decay": None}
        super().__init__(learning_rate, **{**defaults, **kwargs})
        self.compute_dtype = compute_dtype or keras.config.dtype_policy().compute_dtype

    def _should_use_adamw(self, variable):
        shape = variable.shape
        excluded = any(re.search(name, variable.path) for name in self.exclude_layers)
        return excluded or len(shape) != 4 or shape[-1] == 1

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign(m, self.momentum * m + gradient)
        direction = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.reshape(direction, (-1, variable.shape[-1]))
        matrix = matrix / (ops.norm(matrix) + self.epsilon)  # float16 holds no tiny gradients
        matrix = ops.cast(matrix, self.compute_dtype)
        matrix = self.zeropower_via_newtonschulz5(matrix, self.ns_steps)
        update = lr * self.lr_adjust(ops.cast(matrix, variable.dtype))
        self.assign_sub(variable, ops.reshape(update, variable.shape))

    def lr_adjust(self, x):
        """Scale an orthogonal matrix `(inputs, outputs)` to the size of an update."""
        inputs, outputs = x.shape
        return super().lr_adjust(x) * min(1, MOST_INPUTS * outputs / inputs) ** 0.5

    def get_config(self):
        """Return the constructor arguments."""
        return {**super().get_config(), "compute_dtype": self.compute_dtype}
