"""Checks of networks and activations before conclusions are drawn from them."""
