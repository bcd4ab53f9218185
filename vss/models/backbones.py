"""Dilated ResNets, built from torchvision's blocks with torchvision's parameter names.

Source: He et al., CVPR 2016; geometry of the OpenMMLab ResNets ("d8", contract_dilation).
The deep stem (v1c: three 3x3 convolutions instead of the 7x7) also comes from those toolboxes, and
TMANet uses it.
Differences from torchvision: the first stage may have any width; BasicBlock networks can be
dilated, but only in the first convolution of each block, as in the toolboxes; there is no pooling
and no classifier at the end.
Shapes: N images, H W input size, h w input size divided by the output stride; C4 C5 channels of
stage 4 (torchvision's layer3) and stage 5 (its layer4).
"""

from typing import NamedTuple

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

Block = type[BasicBlock] | type[Bottleneck]


class Features(NamedTuple):
    """The features of N images that heads read: (N, C4, h, w) and (N, C5, h, w)."""

    stage4: Tensor
    stage5: Tensor


class ResNet(nn.Module):
    """The convolutional part of a ResNet.

    Args:
        block: torchvision's BasicBlock or Bottleneck.
        depths: blocks per layer.
        width: channels of the first layer; later ones have 2, 4 and 8 times as many.
        output_stride: 8, 16 or 32; below 32, dilation replaces the strides of the last layers.
        deep_stem: start with three 3x3 convolutions, of which the first two have half the width.
    """

    def __init__(
        self,
        block: Block,
        depths: tuple[int, int, int, int],
        width: int,
        output_stride: int,
        deep_stem: bool = False,
    ) -> None:
        super().__init__()
        if deep_stem:
            self.stem = _deep_stem(width)
        else:
            self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.relu = nn.ReLU(inplace=True)
        self.deep_stem = deep_stem
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        strides, dilations = _GEOMETRY[output_stride]
        planes = [width, 2 * width, 4 * width, 8 * width]
        inputs = [width, *(block.expansion * p for p in planes[:3])]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _layer(block, *arguments)
            for arguments in zip(
                inputs, planes, depths, strides, (1, *dilations[:3]), dilations, strict=True
            )
        )
        self.channels = (block.expansion * planes[2], block.expansion * planes[3])
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Features:
        """Encode (N, 3, H, W) images."""
        # (N, width, H/2, W/2)
        x = self.stem(images) if self.deep_stem else self.relu(self.bn1(self.conv1(images)))
        x = self.maxpool(x)  # (N, width, H/4, W/4)
        stage4 = self.layer3(self.layer2(self.layer1(x)))
        return Features(stage4, self.layer4(stage4))


# Output stride -> (stride of each layer, dilation of each layer).
_GEOMETRY = {
    8: ((1, 2, 1, 1), (1, 1, 2, 4)),
    16: ((1, 2, 2, 1), (1, 1, 1, 2)),
    32: ((1, 2, 2, 2), (1, 1, 1, 1)),
}


_VECTOR = 16  # the float32 numbers in the widest vector register of a processor


class _SparseProjection(nn.Conv2d):
    """A 1x1 convolution with a stride, as one without a stride of every n-th pixel.

    The result is the same. With fewer channels than a vector has numbers, oneDNN writes past its
    memory in the backward pass of the former (its issue 6035), which ends processes or gives wrong
    gradients.
    """

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.stride
        return nn.functional.conv2d(x[..., ::rows, ::columns], self.weight)


def _deep_stem(width: int) -> nn.Sequential:
    half = width // 2
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((3, half, 2), (half, half, 1), (half, width, 1)):
        layers += [
            nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _layer(
    block: Block,
    in_channels: int,
    planes: int,
    depth: int,
    stride: int,
    first_dilation: int,
    dilation: int,
) -> nn.Sequential:
    """Build the blocks of one layer; the first has the dilation of the previous layer."""
    out_channels = planes * block.expansion
    shortcut: nn.Module | None = None
    if stride != 1 or in_channels != out_channels:
        kind = nn.Conv2d if stride == 1 or in_channels >= _VECTOR else _SparseProjection
        shortcut = nn.Sequential(
            kind(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
    blocks = [block(in_channels, planes, stride, shortcut)]
    blocks += [block(out_channels, planes) for _ in range(1, depth)]
    for number, each in enumerate(blocks):
        _dilate(each, first_dilation if number == 0 else dilation)
    return nn.Sequential(*blocks)


def _dilate(block: BasicBlock | Bottleneck, dilation: int) -> None:
    # A Bottleneck has one 3x3. A BasicBlock has two: torchvision's constructor rejects dilation,
    # and the reference toolbox leaves the second undilated.
    conv = block.conv2 if isinstance(block, Bottleneck) else block.conv1
    conv.dilation = (dilation, dilation)
    conv.padding = (dilation, dilation)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet18(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-18: 4 * width channels in stage 4, 8 * width in stage 5."""
    return ResNet(BasicBlock, (2, 2, 2, 2), width, output_stride)


def resnet34(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-34: 4 * width channels in stage 4, 8 * width in stage 5."""
    return ResNet(BasicBlock, (3, 4, 6, 3), width, output_stride)


def resnet50(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-50: 16 * width channels in stage 4, 32 * width in stage 5."""
    return ResNet(Bottleneck, (3, 4, 6, 3), width, output_stride)


def resnet101(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-101: 16 * width channels in stage 4, 32 * width in stage 5."""
    return ResNet(Bottleneck, (3, 4, 23, 3), width, output_stride)


def resnet18_v1c(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-18 with the deep stem."""
    return ResNet(BasicBlock, (2, 2, 2, 2), width, output_stride, deep_stem=True)


def resnet34_v1c(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-34 with the deep stem."""
    return ResNet(BasicBlock, (3, 4, 6, 3), width, output_stride, deep_stem=True)


def resnet50_v1c(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-50 with the deep stem: TMANet's backbone."""
    return ResNet(Bottleneck, (3, 4, 6, 3), width, output_stride, deep_stem=True)


def resnet101_v1c(width: int, output_stride: int) -> ResNet:
    """Build a ResNet-101 with the deep stem."""
    return ResNet(Bottleneck, (3, 4, 23, 3), width, output_stride, deep_stem=True)
