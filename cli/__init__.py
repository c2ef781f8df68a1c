"""The `kdeblend` command: one module per sub-command, installed as `kdeblend.cli`."""
