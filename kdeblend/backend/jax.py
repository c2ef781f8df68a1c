"""What is peculiar to JAX."""

import contextlib
import os

import jax
import keras

from kdeblend.backend.base import Backend, global_norm

DETERMINISTIC_XLA = "--xla_gpu_deterministic_ops=true"


class JaxModel(keras.Model):
    """Takes gradients of functions, with the state of all variables in a scope."""

    def train_step(self, state, data):
        """Train on one batch; return logs and the state afterwards."""
        groups = self._state_variables()
        mapping = [
            pair
            for group, values in zip(groups, state, strict=True)
            for pair in zip(group, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = self.update(data)
        return logs, tuple([_current(scope, v) for v in group] for group in groups)

    def minimize(self, objective, variables, optimizer):
        """Take one step down a gradient."""
        state = [v for group in self._state_variables() for v in group]
        outer = {id(v): v.value for v in state}

        def loss_of(values):
            mapping = [(v, outer[id(v)]) for v in state]
            mapping += list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
                loss, results = objective()
            return loss, (results, [_current(scope, v) for v in state])

        values = [outer[id(v)] for v in variables]
        (_, (results, new_state)), gradients = jax.value_and_grad(loss_of, has_aux=True)(values)
        for variable, value in zip(state, new_state, strict=True):
            if value is not outer[id(variable)]:
                variable.assign(value)
        optimizer.apply(gradients, variables)
        return results, global_norm(gradients)

    def _state_variables(self):
        return (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )


def _current(scope, variable):
    value = scope.get_current_value(variable)
    return variable.value if value is None else value


class JaxBackend(Backend):
    """Everything that is asked of JAX."""

    model = JaxModel

    def enable_determinism(self):
        """Do what can be done before JAX starts."""
        self.prepare_determinism()

    def prepare_determinism(self):
        """Set the flag that XLA reads when it starts."""
        flags = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*flags, DETERMINISTIC_XLA]))

    def list_devices(self, kind):
        """Return the names of devices; none of a kind that JAX was not built for."""
        try:
            return [f"{kind}:{device.id}" for device in jax.devices(kind)]
        except RuntimeError:
            return []

    def split_cpu(self, count):
        """Make several devices of the CPU."""
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", count)

    @contextlib.contextmanager
    def data_parallel(self, devices):
        """Have Keras share batches, as long as the block lasts."""
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=list(devices)))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)

    def gpu_names(self):
        """Return what each GPU is called by its maker."""
        return [each.device_kind for each in _gpus()]

    def gpu_memory(self):
        """Return the limit that JAX sets itself on each GPU, in bytes."""
        return [(each.memory_stats() or {}).get("bytes_limit", 0) for each in _gpus()]


def _gpus():
    return [each for each in jax.devices() if each.platform != "cpu"]
