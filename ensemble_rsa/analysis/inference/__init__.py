"""How well networks predict brains or behaviour, with networks, people and stimuli as random."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["ceiling", "components", "evaluate", "result"],
    submod_attrs={"ceiling": ["noise_ceiling"], "evaluate": ["evaluate"]},
)
