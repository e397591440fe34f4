"""Exchange of labelled RDMs with other packages' objects and files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["descriptors", "labelled", "reference", "rsatoolbox", "stacking"],
    submod_attrs={
        "labelled": ["label_rdms", "reorder_stimuli", "select_stimuli"],
        "reference": ["load_patterns", "load_reference"],
        "rsatoolbox": ["from_rsatoolbox", "load_rdms", "save_rdms", "to_rsatoolbox"],
        "stacking": ["stack_rdms"],
    },
)
