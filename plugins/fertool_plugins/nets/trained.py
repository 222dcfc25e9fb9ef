"""What every trainable classifier does alike: find its weights, load them, classify. Light: no torch here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from fertool import (
    Augment,
    Crop,
    FertoolError,
    Recipe,
    Trainable,
    devices,
    lighting,
    networks,
    quantized,
    weights,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import torch

    from fertool import Floats

SHIPPED = Path(__file__).parent / "weights"
"""`NAME.safetensors` in it is used when no file is given."""
AT_ONCE = 64
"""Faces per pass: bounds memory, and more at once are no quicker."""
BESIDE_THE_NETWORK = ("file", "exact", "lighting")
"""Options that leave the network as it is; the weights are known by their hash."""

FER2013_FRAME = Crop(48, channels=1, center=(0.49, 0.505), sampling="bicubic", least_side=0.5)
"""Shows a face as FER2013's pictures do, on which the networks are trained as they come: in these, the middle
of eyes and mouth lies at (0.49, 0.505) at the median (0.49 is the middle pixel), and the distance from an eye
to the mouth is 0.444 of the side, 0.45 in an aligned square. A square below half of the box comes from
landmarks that are not those of the face: on hands, on profiles and on lying heads they fall together on a
cheek or the nose. In the public split (128 of 3,589 pictures) such squares cost 41 right answers, squares of
.5 to .7 none; those of 120 faces in portraits and webcam recordings have .67 to 1.17 of the detector's box.
What bicubic sampling and the place are worth stands in the README of this folder."""

FROM_SCRATCH = Recipe(
    epochs=70,
    batch=170,
    lr=0.05,
    weight_decay=5e-4,
    schedule="cosine",
    warmup_epochs=2,
    augment=Augment(
        flip=True, rotate_deg=15, scale=0.15, shift=0.05, brightness=0.2, contrast=0.2, erase=0.25
    ),
    mixup=0.2,
    ferplus_translated=0.4,
    label_smoothing=0.05,
    ema=0.999,
    recalibrate_bn=True,
    clip_norm=5.0,
    mixed=True,
)
"""The common ground of the `best` recipes. Each has as many epochs as half an hour on one GPU had for it;
more would help. FER2013 has 28,561 = 169 * 169 training faces: batches of at most 170 are of one size."""
TAUGHT = replace(
    FROM_SCRATCH,
    warmup_epochs=1,
    augment=replace(FROM_SCRATCH.augment, erase=0.1),
    mixup=0.0,
    label_smoothing=0.0,
    teacher=0.7,
)
"""The common ground of the recipes `taught`, which go on from an earlier run (`fertool train --from`).
Teachers keep a network from learning wrong labels by heart, so pictures are disturbed less."""

SHORT = Recipe(
    epochs=8,
    batch=64,
    lr=0.05,
    weight_decay=5e-4,
    schedule="cosine",
    warmup_epochs=1,
    augment=Augment(flip=True, rotate_deg=10, scale=0.1, shift=0.05, brightness=0.2),
    label_smoothing=0.1,
    ema=0.995,
    clip_norm=5.0,
    mixed=True,
)
"""For a machine without a GPU: few epochs, so little augmentation, and no mixing of pictures."""


@dataclass
class Trained(Trainable):
    """A `Trainable` whose weights are a safetensors file of its network's `state_dict`, or that packed.

    The file's metadata may hold `temperature`, by which logits are divided (Guo et al., 2017), and
    `labels`, a JSON list, which must be the classifier's.
    """

    concurrent: ClassVar[bool] = True
    crop: ClassVar[Crop] = FER2013_FRAME
    floor_px: ClassVar[float] = 32.0
    """By the curve of `compact` in its model card: 3 points below 48 px; at 24 px, 10."""

    file: str = field(
        default="", metadata={"help": "weights to use, a .safetensors file that `fertool train` wrote"}
    )
    exact: bool = field(
        default=False,
        metadata={"help": "on an accelerator, compute in float32 where bfloat16 would take half the time"},
    )
    lighting: Literal["as-is", "equalise", "clahe", "dct", "isotropic"] = field(
        default="as-is",
        metadata={"help": "what is done to a face's light first, in training and use: give both the same"},
    )

    @property
    def path(self) -> Path:
        """See `Trainable.path`."""
        return Path(self.file).expanduser() if self.file else SHIPPED / f"{self.name}.safetensors"

    def weights(self) -> dict[str, str]:
        path = self.path
        return {path.name: weights.sha256(path)} if path.is_file() else {}

    def available(self) -> str:
        if self.path.is_file():
            return ""
        if self.file:
            return (
                f"there is no weights file {self.file}: give one that exists with `-o {self.name}.file=FILE`"
            )
        train = f"`fertool train {self.name} --data PATH`"
        return f"it has no weights: train it with {train}, then `-o {self.name}.file=FILE`"

    def load(self, device: str) -> None:
        if reason := self.available():
            raise FertoolError(f"classifier {self.name!r} cannot run: {reason}")
        self._check_labels(quantized.metadata(self.path))
        self._run = self._on_processor() if device == "cpu" else self._on_accelerator(device)

    def _on_processor(self) -> networks.Run:
        options = {o.name: getattr(self, o.name) for o in fields(self) if o.name not in BESIDE_THE_NETWORK}
        decides = {"version": self.version, "weights": self.weights(), "options": options}
        shape = (self.crop.size, self.crop.size, self.crop.planes)
        return networks.on_processor(
            networks.Source(self.name, decides, networks.code(type(self)), shape), self._deployed
        )

    def _on_accelerator(self, device: str) -> networks.Run:
        import torch

        # torch's annotation of `to` forgets memory formats.
        network = self._deployed().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        quick = not self.exact and devices.quick_bfloat16(device)

        def run(faces: npt.NDArray[np.uint8]) -> list[Floats]:
            kind = torch.device(device).type
            with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=quick):
                return [network(torch.from_numpy(faces).to(device)).cpu().numpy()]

        return run

    def _deployed(self) -> torch.nn.Module:
        """On the processor, with its weights."""
        from fertool_plugins.nets.deployed import Deployed

        tensors, about = quantized.read(self.path)
        network = self.network()
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            what = f"{self.path} holds no weights of {self.name!r} with these options"
            raise FertoolError(what, "give the options it was trained with, or another file") from error
        return Deployed(network, float(about.get("temperature", "1"))).eval()

    def prepare(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """See `Trainable.prepare`."""
        if self.lighting == "as-is":
            return images
        if images.ndim == 3:
            return lighting.METHODS[self.lighting](images)
        prepared = images.copy()
        pixels = images[..., : self.crop.channels]  # a plane of landmarks has no light
        prepared[..., : self.crop.channels] = lighting.METHODS[self.lighting](pixels)
        return prepared

    def outside(
        self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """See `Trainable.outside`: weights of torchvision's ResNets and InceptionV3, for networks built on
        one."""
        from fertool_plugins.nets import inception, resnet

        for name, part in network.named_modules():
            found: dict[str, torch.Tensor] = {}
            if isinstance(part, resnet.ResNet):
                found = resnet.from_torchvision(part, tensors)
            elif isinstance(part, inception.InceptionV3):
                found = inception.from_torchvision(part, tensors)
            if found:
                return {f"{name}.{key}": value for key, value in found.items()}
        return {}

    def classify(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """See `Classifier.classify`."""
        import numpy as np

        faces = np.require(self.prepare(crops), requirements="W")
        return np.concatenate([self._run(faces[i : i + AT_ONCE])[0] for i in range(0, len(faces), AT_ONCE)])

    def _check_labels(self, about: dict[str, str]) -> None:
        stored = json.loads(about["labels"]) if "labels" in about else list(self.labels)
        if stored != list(self.labels):
            what = f"{self.path} was trained for the labels {', '.join(stored)}"
            raise FertoolError(what, f"{self.name!r} has {', '.join(self.labels)}")
