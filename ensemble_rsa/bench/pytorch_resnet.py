"""The small residual networks for CIFAR-10 in PyTorch, with batch normalisation.

As in `ensemble_rsa.models.resnet`: two 3 × 3 convolutions a block, shortcuts without parameters.
"""

from typing import Any

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models.convnet import scaled_channels
from ensemble_rsa.models.resnet import CIFAR_CHANNELS
from ensemble_rsa.training.throughput import N_CATEGORIES


def make_resnet(torch: Any, config: ModelConfig, n_channels: int) -> Any:
    """The network of `resnet20`, `resnet32` or `resnet56` at a width; logits are its output."""
    nn = torch.nn

    def normalised(inputs: int, outputs: int, stride: int = 1) -> Any:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int):
            super().__init__()
            self.first = normalised(inputs, outputs, stride)
            self.second = normalised(outputs, outputs)
            before = (outputs - inputs) // 2
            self.stride, self.padding = stride, (before, outputs - inputs - before)

        def forward(self, x: Any) -> Any:
            y = self.second(torch.relu(self.first(x)))
            if any(self.padding) or self.stride != 1:
                x = x[:, :, :: self.stride, :: self.stride]
                x = nn.functional.pad(x, (0, 0, 0, 0, *self.padding))
            return torch.relu(y + x)

    channels = [scaled_channels(n, config.width) for n in CIFAR_CHANNELS]
    n_blocks = (int(config.model.removeprefix("resnet")) - 2) // 6
    parts, inputs = [normalised(n_channels, channels[0]), nn.ReLU()], channels[0]
    for stage, outputs in enumerate(channels):
        for place in range(n_blocks):
            parts.append(Block(inputs, outputs, 2 if stage and not place else 1))
            inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, N_CATEGORIES)]
    return nn.Sequential(*parts, *head)
