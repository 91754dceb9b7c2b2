"""The recurrent models of gpu_models.py in JAX, with the same weights: a scan over the steps, compiled."""

from gpu_models import RECURRENT

NAMES = list(RECURRENT)


def cell_of(jax, jnp, name, recurrent, bias):
    """step(state, z) -> state, where z is what the input gives, and the state is (h, c)."""
    cell, units, options = RECURRENT[name]

    def gate(x):
        hard = options.get("recurrent_activation") == "hard_sigmoid"
        return jnp.clip(0.2 * x + 0.5, 0, 1) if hard else jax.nn.sigmoid(x)

    def lstm(state, z):
        h, c = state
        i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=-1)
        c = gate(f) * c + gate(i) * jnp.tanh(g)
        return gate(o) * jnp.tanh(c), c

    def gru(state, z):
        h, c = state
        if options.get("reset_after", True):
            product = h @ recurrent + bias[1]
            update, reset = jnp.split(gate(z[..., :2 * units] + product[..., :2 * units]), 2, axis=-1)
            new = jnp.tanh(z[..., 2 * units:] + reset * product[..., 2 * units:])
        else:
            update, reset = jnp.split(gate(z[..., :2 * units] + h @ recurrent[:, :2 * units]), 2, axis=-1)
            new = jnp.tanh(z[..., 2 * units:] + (reset * h) @ recurrent[:, 2 * units:])
        return update * h + (1 - update) * new, c

    return lstm if cell == "LSTM" else gru


def model_of(jax, jnp, name, weights):
    kernel, recurrent, bias = (jnp.asarray(value) for value in weights)
    cell = cell_of(jax, jnp, name, recurrent, bias)

    @jax.jit
    def model(x):
        projected = jnp.swapaxes(x @ kernel + (bias if bias.ndim == 1 else bias[0]), 0, 1)
        mask = jnp.swapaxes(jnp.any(x != 0, axis=-1, keepdims=True), 0, 1)

        def step(state, now):
            z, taken = now
            new = cell(state, z)
            return tuple(jnp.where(taken, a, b) for a, b in zip(new, state)) if "masked" in name else new, None

        zero = jnp.zeros((x.shape[0], recurrent.shape[0]), jnp.float32)
        return jax.lax.scan(step, (zero, zero), (projected, mask))[0][0]

    return model
