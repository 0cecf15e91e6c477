"""Which tasks a checkpoint has been trained on, as far as anyone declares it."""
