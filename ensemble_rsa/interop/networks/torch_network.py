"""PyTorch modules: a forward hook copies what each chosen module returns, as it returns it.

A value is therefore that of the module itself, also where an operation in place, such as a ReLU,
changes it afterwards. Each call of a module that is used several times is a layer of its own.
"""

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ensemble_rsa.errors import InputError, first_line
from ensemble_rsa.interop.networks.network import (
    Layer,
    Runner,
    Sink,
    first_images,
    n_images,
    one_sentence,
)
from ensemble_rsa.interop.networks.torch_blocks import outputs_of_blocks
from ensemble_rsa.interop.networks.torch_outputs import Output, flat_outputs
from ensemble_rsa.interop.optional import optional_import

WHOLE = "output"  # the name of a network that has no modules inside
TRACED_IMAGES = 3


class TorchNetwork:
    """A `torch.nn.Module` in evaluation mode, without gradients, on a device of choice."""

    libraries: tuple[str, ...] = ("torch",)
    has_weights = True

    def __init__(self, module: Any, device: str | None = None, what: str = "network"):
        """Wrap a module; its wrappers for several devices or compilation are looked through."""
        self._torch = optional_import("torch", "torch", "a PyTorch network")
        self._module, self.what = _unwrapped(module), what
        self._device = _device(self._torch, device)
        self.model: str = type(self._module).__name__
        if isinstance(self._module, self._torch.jit.ScriptModule):
            raise InputError(
                f"{what}: got a TorchScript module, whose layers cannot be read; give the module "
                "that it was made from, or a function images → {layer: activations}"
            )

    def layers(self, images: Any) -> list[Layer]:
        """Return every output of every module that is called for these images, in order."""
        n = min(TRACED_IMAGES, n_images(images))
        traced = self._trace(first_images(images, n))
        fewer = self._trace(first_images(images, n - 1)) if n > 1 else traced
        others = {output.name: output for output in fewer}
        auto = outputs_of_blocks(self._module, traced)
        described = [_as_layer(output, others, n, output.name in auto) for output in traced]
        return described + self._unreadable({output.name for output in traced})

    def _unreadable(self, called: Collection[str]) -> list[Layer]:
        """Return modules that no forward pass calls, and second names of modules that it does."""
        names: dict[int, str] = {}
        found = []
        for name, module in self._module.named_modules(remove_duplicate=False):
            first = names.setdefault(id(module), name)
            problem = None
            if first != name:
                problem = f"is the same module as {first!r}, whose calls count under that name"
            elif name and name not in called and hasattr(module, "weight"):
                problem = "is a module that is never called in evaluation"
            if problem:
                found.append(Layer(name, (), problem=problem))
        return found

    def _trace(self, images: Any) -> list[Output]:
        """Show some images to all modules, and return what each returned."""
        outputs: list[Output] = []

        def keep(name: str, call: int, module: Any, arguments: Any, result: Any) -> None:
            source = arguments[0] if arguments else None
            outputs.extend(flat_outputs(self._torch, name, call, module, source, result))

        named = _named_modules(self._module)
        with self._evaluating(), _hooks(named, keep), one_sentence(self.what, images):
            self._call(images)
        for output in outputs:
            output.finish()
        return outputs

    @contextmanager
    def running(self, layers: Sequence[str]) -> Iterator[Runner]:
        """Yield a function that shows a batch and passes each layer's activations to a sink."""
        wanted = {_module_name(name) for name in layers}
        chosen, named = {*layers}, _named_modules(self._module)
        seen: list[str] = []
        sinks: list[Sink] = []
        if unknown := wanted - named.keys():
            raise InputError(f"{self.what}: has no module {min(unknown)!r}")

        def keep(name: str, call: int, module: Any, arguments: Any, result: Any) -> None:
            for output in flat_outputs(self._torch, name, call, module, None, result):
                if output.name in chosen:
                    seen.append(output.name)
                    sinks[0](output.name, self._rows(output.tensor))

        def show(images: Any, sink: Sink) -> None:
            seen.clear()
            sinks[:] = [sink]
            counts.clear()
            with one_sentence(self.what, images):
                self._call(images)
            if missing := [name for name in layers if name not in seen]:
                raise InputError(f"{self.what}: layer {missing[0]!r} was not computed for a batch")

        counts: Counter[str] = Counter()
        hooked = {name: module for name, module in named.items() if name in wanted}
        with self._evaluating(), _hooks(hooked, keep, counts):
            yield show

    def weights(self) -> Mapping[str, np.ndarray]:
        """Return the state dictionary as arrays; half precision becomes float32."""
        return {
            name: (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()
            for name, tensor in self._module.state_dict().items()
            if hasattr(tensor, "is_floating_point") and not tensor.is_complex()
        }

    def _rows(self, tensor: Any) -> np.ndarray:
        """Return a row of float32 for each stimulus, a view of the tensor if possible."""
        rows = tensor.detach().reshape(len(tensor), -1)
        return rows.to("cpu", self._torch.float32).numpy()

    def _call(self, images: Any) -> None:
        with self._torch.no_grad():
            if isinstance(images, Mapping):
                self._module(**{name: self._to_device(part) for name, part in images.items()})
            else:
                self._module(self._to_device(images))

    def _to_device(self, images: Any) -> Any:
        tensor = self._torch.as_tensor(images)
        dtype = self._parameter().dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(self._parameter().device, dtype)

    def _parameter(self) -> Any:
        """Return a parameter, which tells the device and the precision of the network."""
        floating = (each for each in self._module.parameters() if each.is_floating_point())
        return next(floating, self._torch.empty(0, device=self._device or "cpu"))

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Prepare the module for evaluation, and leave everything as it was found."""
        torch, module = self._torch, self._module
        training = [(each, each.training) for each in module.modules()]
        devices = {each.device for each in module.parameters()}
        tf32, precision = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
        # a network on several devices is left there
        move = len(devices) == 1 and self._device is not None and {self._device} != devices
        try:
            module.eval()
            torch.backends.cudnn.allow_tf32 = False
            torch.set_float32_matmul_precision("highest")
            if move:
                module.to(self._device)
            with random_state_kept():
                yield
        finally:
            if move:
                module.to(devices.pop())
            for each, mode in training:
                each.training = mode
            torch.backends.cudnn.allow_tf32 = tf32
            torch.set_float32_matmul_precision(precision)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore the state of PyTorch's generators afterwards, if PyTorch is in use."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    cuda = torch.cuda.is_available()
    states = torch.get_rng_state(), torch.cuda.get_rng_state_all() if cuda else []
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        if cuda:
            torch.cuda.set_rng_state_all(states[1])


def _unwrapped(module: Any) -> Any:
    """Return the module inside of `torch.compile`, `DataParallel` and the like."""
    while True:
        if hasattr(module, "_orig_mod"):
            module = module._orig_mod
        elif type(module).__name__ in ("DataParallel", "DistributedDataParallel"):
            module = module.module
        else:
            return module


def _device(torch: Any, device: str | None) -> Any:
    """Return the device that was asked for; None leaves a network on its accelerator."""
    if device is not None:
        try:
            torch.empty(0, device=device)
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            reason = first_line(error)
            raise InputError(
                f"device: expected one of this machine, got {device!r} ({reason})"
            ) from None
    if torch.cuda.is_available():
        return torch.empty(0, device="cuda").device
    return None


def _named_modules(module: Any) -> dict[str, Any]:
    named = {name: each for name, each in module.named_modules() if name}
    return named or {WHOLE: module}


def _module_name(layer: str) -> str:
    """The module that a layer is an output of.

    >>> _module_name("layer1.0.relu:2"), _module_name("attention[1]")
    ('layer1.0.relu', 'attention')
    """
    return layer.partition("[")[0].partition(":")[0]


@contextmanager
def _hooks(
    named: Mapping[str, Any], keep: Callable[..., None], counts: Counter[str] | None = None
) -> Iterator[None]:
    """Call `keep` with name, number of the call, module, arguments and result of some modules."""
    calls: Counter[str] = Counter() if counts is None else counts
    handles = []

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: Any, arguments: Any, result: Any) -> None:
            calls[name] += 1
            keep(name, calls[name], module, arguments, result)

        return hook

    try:
        for name, module in named.items():
            handles.append(module.register_forward_hook(hook_of(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _as_layer(output: Output, others: Mapping[str, Output], n: int, auto: bool) -> Layer:
    """Describe an output, with what keeps it from being read."""
    other = others.get(output.name)
    problem = None
    if not output.is_real:
        problem = f"returns {output.kind}, not real numbers"
    elif not output.shape or output.shape[0] != n:
        problem = (
            "does not have the stimuli on its leading axis: it returns the shape "
            f"{output.shape} for {n} stimuli"
        )
    elif other is None or other.shape != (max(1, n - 1), *output.shape[1:]):
        got = "nothing" if other is None else f"the shape {other.shape}"
        problem = (
            f"is not the same for every number of stimuli: {output.shape} for {n}, {got} for "
            f"{max(1, n - 1)}"
        )
    elif 0 in output.shape:
        problem = f"is empty: it returns the shape {output.shape}"
    shape = output.shape[1:] if problem is None else output.shape
    return Layer(output.name, shape, auto and problem is None, output.note(), problem)
