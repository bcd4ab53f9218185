"""Dilated ResNets, against torchvision's."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from tests.conftest import tiny
from vss.errors import UserError
from vss.models import backbones

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101")


def torchvision_state(name: str) -> dict[str, Tensor]:
    model = torchvision.models.get_model(name)
    for module in model.modules():  # the means of a fresh network are all 0
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
    state: dict[str, Tensor] = model.state_dict()
    return state


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_parameters_are_torchvisions_without_the_classifier(name: str, stride: int) -> None:
    with torch.device("meta"):
        ours = getattr(backbones, name)(64, stride).state_dict()
        theirs = torchvision.models.get_model(name).state_dict()

    shapes = {key: value.shape for key, value in theirs.items() if not key.startswith("fc.")}
    assert {key: value.shape for key, value in ours.items()} == shapes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_undilated_network_equals_torchvisions(name: str) -> None:
    state = torchvision_state(name)
    theirs = torchvision.models.get_model(name)
    theirs.load_state_dict(state)
    ours = getattr(backbones, name)(64, 32)
    ours.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")})
    extractor = nn.Sequential(*list(theirs.children())[:-2]).eval()
    image = torch.randn(1, 3, 64, 96)

    features = ours.eval()(image)

    torch.testing.assert_close(features.stage5, extractor(image))
    torch.testing.assert_close(features.stage4, extractor[:-1](image))


@pytest.mark.slow
def test_bottleneck_network_at_stride_8_equals_torchvisions_dilated_one() -> None:
    state = torchvision_state("resnet50")
    theirs = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True])
    theirs.load_state_dict(state)
    ours = backbones.resnet50(64, 8)
    ours.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")})
    image = torch.randn(1, 3, 64, 96)

    stage5 = ours.eval()(image).stage5

    torch.testing.assert_close(stage5, nn.Sequential(*list(theirs.children())[:-2]).eval()(image))


def test_dilated_bottleneck_network_contains_the_plain_one_at_every_4th_pixel() -> None:
    """Dilation makes up for the removed strides, so nothing changes on the coarse grid."""
    plain, dilated = (backbones.resnet50(8, stride).double().eval() for stride in (32, 8))
    dilated.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 128, 96, dtype=torch.float64)

    with torch.inference_mode():
        coarse, fine = plain(image).stage5, dilated(image).stage5

    torch.testing.assert_close(fine[:, :, ::4, ::4], coarse)


def compute_by_hand(state: dict[str, Tensor], image: Tensor, deep_stem: bool) -> Tensor:
    """Compute ResNet-18 at stride 8, in which only the first 3x3 of a block is dilated."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.batch_norm(
            x, state[f"{name}.running_mean"], state[f"{name}.running_var"],
            state[f"{name}.weight"], state[f"{name}.bias"],
        )  # fmt: skip

    def block(x: Tensor, name: str, stride: int, dilation: int) -> Tensor:
        y = F.conv2d(
            x, state[f"{name}.conv1.weight"], stride=stride, padding=dilation, dilation=dilation
        )
        y = F.conv2d(norm(y, f"{name}.bn1").relu(), state[f"{name}.conv2.weight"], padding=1)
        if f"{name}.downsample.0.weight" in state:
            shortcut = F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
            x = norm(shortcut, f"{name}.downsample.1")
        return (norm(y, f"{name}.bn2") + x).relu()

    if deep_stem:
        x = F.conv2d(image, state["stem.0.weight"], stride=2, padding=1)
        x = F.conv2d(norm(x, "stem.1").relu(), state["stem.3.weight"], padding=1)
        x = F.conv2d(norm(x, "stem.4").relu(), state["stem.6.weight"], padding=1)
        x = norm(x, "stem.7").relu()
    else:
        x = norm(F.conv2d(image, state["conv1.weight"], stride=2, padding=3), "bn1").relu()
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    for layer, stride, dilations in (
        (1, 1, (1, 1)),
        (2, 2, (1, 1)),
        (3, 1, (1, 2)),
        (4, 1, (2, 4)),
    ):
        x = block(x, f"layer{layer}.0", stride, dilations[0])
        x = block(x, f"layer{layer}.1", 1, dilations[1])
    return x


@pytest.mark.parametrize("name", ["resnet18", "resnet18_v1c"])
def test_basic_block_network_at_stride_8_equals_one_computed_by_hand(name: str) -> None:
    net = getattr(backbones, name)(8, 8).double().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
    image = torch.randn(1, 3, 64, 96, dtype=torch.float64)

    stage5 = net(image).stage5

    expected = compute_by_hand(net.state_dict(), image, name.endswith("v1c"))
    torch.testing.assert_close(stage5, expected)


def test_deep_stem_has_no_imagenet_weights() -> None:
    with pytest.raises(UserError, match="no imagenet weights for backbone 'resnet18_v1c'"):
        tiny(backbone="resnet18_v1c", width=64, weights="imagenet")


def test_basic_block_dilates_only_its_first_convolution() -> None:
    net = backbones.resnet18(64, 8)

    dilations = {
        name: (block.conv1.dilation[0], block.conv2.dilation[0])
        for name, block in (
            ("first of layer3", net.layer3[0]),
            ("second of layer3", net.layer3[1]),
            ("first of layer4", net.layer4[0]),
            ("second of layer4", net.layer4[1]),
        )
    }

    assert dilations == {
        "first of layer3": (1, 1),
        "second of layer3": (2, 1),
        "first of layer4": (2, 1),
        "second of layer4": (4, 1),
    }


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet18_v1c", "resnet50_v1c"])
def test_features_have_the_promised_channels_and_stride(name: str, stride: int) -> None:
    net = getattr(backbones, name)(8, stride).eval()

    features = net(torch.randn(1, 3, 64, 96))

    stride4 = min(stride, 16)
    assert features.stage4.shape == (1, net.channels[0], 64 // stride4, 96 // stride4)
    assert features.stage5.shape == (1, net.channels[1], 64 // stride, 96 // stride)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("width", [4, 6, 8])
def test_gradients_of_narrow_networks_do_not_depend_on_the_library(width: int) -> None:
    """oneDNN's own strided 1x1 convolutions of few channels write past their memory."""
    torch.manual_seed(0)
    network = backbones.resnet18(width, 16).to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 32, 48).contiguous(memory_format=torch.channels_last)
    gradients = []
    for enabled in (True, False):
        with torch.backends.mkldnn.flags(enabled=enabled):
            network.zero_grad()
            sum(stage.square().mean() for stage in network(images)).backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])

    for ours, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_sparse_projection_is_a_convolution_with_a_stride() -> None:
    ours = backbones.resnet18(4, 16).layer2[0].downsample[0]
    x = torch.randn(2, 4, 9, 7)

    with torch.backends.mkldnn.flags(enabled=False):
        expected = nn.Conv2d.forward(ours, x)
        assert torch.equal(ours(x), expected)
    assert expected.shape == (2, 8, 5, 4)
