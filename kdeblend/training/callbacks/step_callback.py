"""The base of all callbacks here: the number of the training step, across resumes."""

import keras


class StepCallback(keras.callbacks.Callback):
    """Calls `on_step(step, logs)` after each training step.

    The step is that of the generator's optimizer, so it goes on where a
    checkpoint stopped. With `steps_per_execution` above 1 some steps are passed
    over; `crossed` tells whether a multiple or a milestone lay between.
    """

    def on_train_begin(self, logs=None):
        """Read the step from the optimizer."""
        self.step = self._previous = self.model.steps_done

    def on_epoch_begin(self, epoch, logs=None):
        """Remember where the epoch starts, because batches are counted within it."""
        self._first = self.step

    def on_train_batch_end(self, batch, logs=None):
        """Count the steps and call `on_step`."""
        done = min(batch + 1, self.params["steps"])  # the last execution may be a shorter one
        self._previous, self.step = self.step, self._first + done
        self.on_step(self.step, logs or {})

    def on_step(self, step, logs):
        """Act after a training step.

        Args:
            step: Steps done so far, over all resumes.
            logs: Losses by name; scalar tensors, on JAX still being computed.
        """

    def crossed(self, every):
        """Return whether a multiple of `every` was reached in the last execution."""
        return self.step // every > self._previous // every

    def passed(self, milestone):
        """Return whether the step `milestone` was reached in the last execution."""
        return self._previous < milestone <= self.step
