"""The recipe of the embedded model: scenes drawn and speech made from seeds, and the training."""
