"""The workloads of augmentation in torchvision, for torch_bench.py."""
import torch
import torchvision.transforms.v2 as T
import torchvision.transforms.v2.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode

IMAGES, SIDE = 1024, 256
IMAGE = (torch.rand(3, SIDE, SIDE) * 256).to(torch.uint8)
START = [[0, 0], [255, 0], [255, 255], [0, 255]]
END = [[20, 10], [240, 25], [230, 245], [5, 250]]


class Images(Dataset):
    def __init__(self):
        self.x = (torch.rand(IMAGES, 1, 28, 28) * 256).to(torch.uint8)
        self.y = torch.zeros(IMAGES, dtype=torch.long)
        self.transform = T.Compose([
            T.RandomCrop(28, padding=4), T.RandomHorizontalFlip(),
            T.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1)),
            T.ToDtype(torch.float32, scale=True)])

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.transform(self.x[i]), self.y[i]


def augment():
    loader = DataLoader(Images(), batch_size=64, shuffle=True)

    def run():
        for _ in loader:
            pass
    return run


def on_image(function):
    return lambda: lambda: function(IMAGE)


TABLE = dict(augment=augment)
for name, function in dict(
        hflip=F.horizontal_flip, crop=lambda x: F.crop(x, 11, 17, 224, 224).contiguous(),
        resize=lambda x: F.resize(x, [224, 224]),
        resized_crop=lambda x: F.resized_crop(x, 20, 30, 180, 200, [224, 224]),
        rotate=lambda x: F.rotate(x, 30.0),
        rotate_linear=lambda x: F.rotate(x, 30.0, interpolation=InterpolationMode.BILINEAR),
        affine=lambda x: F.affine(x, 15.0, [10, 5], 1.1, [5.0, 0.0]),
        perspective=lambda x: F.perspective(x, START, END),
        elastic=T.ElasticTransform(),
        blur=lambda x: F.gaussian_blur(x, [5, 5], [1.5, 1.5]),
        sharpness=lambda x: F.adjust_sharpness(x, 2.0),
        jitter=T.ColorJitter(0.4, 0.4, 0.4, 0.1),
        brightness=lambda x: F.adjust_brightness(x, 1.2),
        contrast=lambda x: F.adjust_contrast(x, 1.2),
        saturation=lambda x: F.adjust_saturation(x, 1.2),
        hue=lambda x: F.adjust_hue(x, 0.1),
        autocontrast=F.autocontrast, equalize=F.equalize,
        posterize=lambda x: F.posterize(x, 3), solarize=lambda x: F.solarize(x, 128.0),
        invert=F.invert, gray=F.rgb_to_grayscale,
        erase=lambda x: F.erase(x, 30, 40, 80, 90, torch.zeros(1, 1, 1)),
        to_float=lambda x: F.to_dtype(x, torch.float32, scale=True),
        rand_augment=T.RandAugment(), trivial_augment=T.TrivialAugmentWide()).items():
    TABLE["aug_" + name] = on_image(function)
