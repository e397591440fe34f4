"""The paper's experiments, from training to figure, each one command: `ensemble-rsa reproduce`."""
