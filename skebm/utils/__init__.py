"""What every other folder stands on: randomness, threads, arithmetic and validation."""
