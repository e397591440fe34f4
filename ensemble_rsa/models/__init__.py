"""Networks, how their convolutions are computed, and how their instances are stacked."""
