"""Programs compiled for accelerators that are not there: what the compiler made of them."""
