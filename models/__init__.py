"""What computes: voice activity, encoders, the fused decoder, the voice, and their training."""
