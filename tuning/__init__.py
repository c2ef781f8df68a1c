"""Search for good networks with keras-tuner; installed as `kdeblend.tuning`."""
