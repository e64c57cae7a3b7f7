"""One step of a policy: inputs, hidden state, sampling, beliefs."""
