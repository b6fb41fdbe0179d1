"""Writes augment.safetensors: torchvision's, Pillow's and OpenCV's results for small images.

usage: augment.py OUT.safetensors
Needs torch 2.15, torchvision 0.29, Pillow 13, opencv-python-headless, safetensors. Tensors are named
`case.dtype`; the inputs are `x.uint8` and `x.float32` (3 x 11 x 14), `displacement`.
"""
import sys
import cv2
import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from torchvision.transforms import InterpolationMode as M
from torchvision.transforms.v2 import RandAugment

torch.manual_seed(7)
torch.set_num_threads(1)
C, H, W = 3, 11, 14
base = torch.rand(C, H, W)
base[:, 2:5, 3:9] = base[:, 2:5, 3:9] * 0.2 + 0.4  # a flat part, and equal channels somewhere
base[:, 7, :4] = base[:1, 7, :4]
BYTES = (base * 255.999).to(torch.uint8)
FLOATS = base
DISPLACEMENT = (torch.rand(1, H, W, 2) - 0.5) * 0.4
START = [[0, 0], [W - 1, 0], [W - 1, H - 1], [0, H - 1]]
END = [[2, 1], [W - 2, 2], [W - 4, H - 2], [1, H - 3]]
# With the points above some pixels lie halfway between two others, but for rounding.
UNTIED = [[0, 0], [W - 1, 2], [W - 3, H - 4], [3, H - 3]]
RED = {"uint8": [200.0, 30.0, 7.0], "float32": [0.8, 0.1, 0.03]}
NEAREST, EXACT, LINEAR, CUBIC = M.NEAREST, M.NEAREST_EXACT, M.BILINEAR, M.BICUBIC


def fill(x):
    return RED[str(x.dtype)[6:]]


CASES = {
    "crop": lambda x: F.crop(x, -2, 3, 8, 16),
    "crop_inside": lambda x: F.crop(x, 2, 3, 5, 6),
    "center_crop": lambda x: F.center_crop(x, [6, 9]),
    "center_crop_padded": lambda x: F.center_crop(x, [14, 9]),
    "five_crop_middle": lambda x: F.five_crop(x, [4, 5])[4],
    "five_crop_lower_right": lambda x: F.five_crop(x, [4, 5])[3],
    "pad": lambda x: F.pad(x, [1, 2, 3, 4]),
    "pad_fill": lambda x: F.pad(x, [1, 2, 3, 4], fill=fill(x)),
    "pad_edge": lambda x: F.pad(x, [1, 2, 3, 4], padding_mode="edge"),
    "pad_reflect": lambda x: F.pad(x, [1, 2, 3, 4], padding_mode="reflect"),
    "pad_symmetric": lambda x: F.pad(x, [1, 2, 3, 4], padding_mode="symmetric"),
    "horizontal_flip": F.horizontal_flip,
    "vertical_flip": F.vertical_flip,
    "resize_nearest": lambda x: F.resize(x, [7, 20], interpolation=NEAREST),
    "resize_nearest_exact": lambda x: F.resize(x, [7, 20], interpolation=EXACT),
    "resize_linear": lambda x: F.resize(x, [7, 20]),
    "resize_linear_plain": lambda x: F.resize(x, [7, 20], antialias=False),
    "resize_cubic": lambda x: F.resize(x, [20, 6], interpolation=CUBIC),
    "resize_cubic_plain": lambda x: F.resize(x, [20, 6], interpolation=CUBIC, antialias=False),
    "resize_rows": lambda x: F.resize(x, [5, W]),
    "resize_columns": lambda x: F.resize(x, [H, 5]),
    "resize_shorter": lambda x: F.resize(x, 8),
    "resize_most": lambda x: F.resize(x, 8, max_size=9),
    "resized_crop": lambda x: F.resized_crop(x, 1, 2, 7, 9, [5, 6]),
    "rotate": lambda x: F.rotate(x, 30.0),
    "rotate_negative_fill": lambda x: F.rotate(x, -117.0, fill=fill(x)),
    "rotate_linear": lambda x: F.rotate(x, 30.0, interpolation=LINEAR),
    "rotate_linear_fill": lambda x: F.rotate(x, 30.0, interpolation=LINEAR, fill=fill(x)),
    "rotate_expand": lambda x: F.rotate(x, 33.0, interpolation=LINEAR, expand=True),
    "rotate_center": lambda x: F.rotate(x, 20.0, interpolation=LINEAR, center=[3.0, 2.5]),
    "rotate_90_expand": lambda x: F.rotate(x, 90.0, expand=True),
    "rotate_270_expand": lambda x: F.rotate(x, 270.0, expand=True),
    "rotate_180": lambda x: F.rotate(x, 180.0),
    "affine": lambda x: F.affine(x, 17.0, [2, -1], 1.2, [8.0, -5.0]),
    "affine_linear": lambda x: F.affine(x, 17.0, [2, -1], 0.8, [8.0, -5.0], interpolation=LINEAR),
    "affine_fill_center": lambda x: F.affine(
        x, -40.0, [1.5, 2.0], 1.1, [3.0, 12.0], interpolation=LINEAR, fill=fill(x), center=[4.0, 6.0]),
    "perspective": lambda x: F.perspective(x, START, END),
    "perspective_nearest_fill": lambda x: F.perspective(
        x, START, UNTIED, interpolation=NEAREST, fill=fill(x)),
    "elastic": lambda x: F.elastic(x, DISPLACEMENT),
    "elastic_nearest_fill": lambda x: F.elastic(
        x, DISPLACEMENT, interpolation=NEAREST, fill=fill(x)),
    "brightness": lambda x: F.adjust_brightness(x, 1.3),
    "brightness_dark": lambda x: F.adjust_brightness(x, 0.61),
    "contrast": lambda x: F.adjust_contrast(x, 1.7),
    "contrast_low": lambda x: F.adjust_contrast(x, 0.4),
    "saturation": lambda x: F.adjust_saturation(x, 1.9),
    "saturation_low": lambda x: F.adjust_saturation(x, 0.3),
    "hue": lambda x: F.adjust_hue(x, 0.23),
    "hue_negative": lambda x: F.adjust_hue(x, -0.41),
    "gamma": lambda x: F.adjust_gamma(x, 0.7),
    "gamma_gain": lambda x: F.adjust_gamma(x, 1.8, 1.4),
    "posterize": lambda x: F.posterize(x, 3),
    "solarize": lambda x: F.solarize(x, 100.0 if x.dtype == torch.uint8 else 0.4),
    "invert": F.invert,
    "grayscale": F.rgb_to_grayscale,
    "grayscale_3": lambda x: F.rgb_to_grayscale(x, 3),
    "permute_channels": lambda x: F.permute_channels(x, [2, 0, 1]),
    "autocontrast": lambda x: F.autocontrast((x * 0.5).to(x.dtype)),
    # Fewer pixels than levels stay as they are.
    "equalize": lambda x: F.equalize(F.pad(x, [10] * 4, padding_mode="symmetric")),
    "sharpness": lambda x: F.adjust_sharpness(x, 2.3),
    "sharpness_low": lambda x: F.adjust_sharpness(x, 0.2),
    "gaussian_blur": lambda x: F.gaussian_blur(x, [5, 3], [1.3, 0.8]),
    "gaussian_blur_wide": lambda x: F.gaussian_blur(x, [9, 9], [2.0, 2.0]),
    "erase": lambda x: F.erase(x, 2, 3, 4, 5, torch.tensor(fill(x))[:, None, None]),
    "to_float": lambda x: F.to_dtype(x, torch.float32, scale=True),
    "to_byte": lambda x: F.to_dtype(x, torch.uint8, scale=True),
}
FLOAT_CASES = {"normalize": lambda x: F.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}
# One operation of RandAugment's space, with its conventions for shears and whole translations.
POLICY = RandAugment()
for name, size in [("ShearX", 0.21), ("ShearY", -0.3), ("TranslateX", 4.7), ("TranslateY", -3.2)]:
    CASES["policy_" + name.lower()] = lambda x, name=name, size=size: (
        POLICY._apply_image_or_video_transform(x, name, size, NEAREST, {torch.Tensor: None}))


def pillow(kernel):
    image = Image.fromarray(BYTES.permute(1, 2, 0).numpy())
    return torch.from_numpy(np.asarray(image.filter(kernel)).copy()).permute(2, 0, 1)


def pixel_work(out):
    """Pillow's blend, composite and alpha_composite, of inputs that are kept too."""
    def image(x, mode):
        return Image.fromarray(x.permute(1, 2, 0).squeeze(-1).numpy(), mode)

    def planes(picture):
        x = torch.from_numpy(np.asarray(picture).copy())
        return x.permute(2, 0, 1) if x.ndim == 3 else x[None]
    below, above = (torch.randint(0, 256, (4, H, W), dtype=torch.uint8) for _ in range(2))
    above[3, :2] = 0
    below[3, :1] = 0
    out["below.uint8"], out["above.uint8"] = below, above
    a, b = image(below[:3], "RGB"), image(above[:3], "RGB")
    out["pixels_blend.uint8"] = planes(Image.blend(a, b, 0.3))
    out["pixels_composite.uint8"] = planes(Image.composite(a, b, image(below[3:], "L")))
    a, b = image(below, "RGBA"), image(above, "RGBA")
    out["pixels_alpha_composite.uint8"] = planes(Image.alpha_composite(a, b))


def smooth_image():
    """A disc and a bar on a soft ground, for edges that are more than noise."""
    y, x = np.mgrid[:24, :28]
    image = 40 + 3 * x + 60 * ((x - 9) ** 2 + (y - 11) ** 2 < 50) + 90 * ((x > 20) & (y > 6))
    return np.clip(image, 0, 255).astype(np.uint8)


def main():
    out = {"x.uint8": BYTES, "x.float32": FLOATS, "displacement": DISPLACEMENT}
    for name, case in CASES.items():
        for x in (BYTES, FLOATS):
            out[f"{name}.{str(x.dtype)[6:]}"] = case(x)
    for name, case in FLOAT_CASES.items():
        out[f"{name}.float32"] = case(FLOATS)
    for name in ["CONTOUR", "DETAIL", "EDGE_ENHANCE", "EMBOSS", "FIND_EDGES", "SHARPEN", "SMOOTH"]:
        out[f"pillow_{name.lower()}.uint8"] = pillow(getattr(ImageFilter, name))
    pixel_work(out)
    shapes = smooth_image()
    out["shapes.uint8"] = torch.from_numpy(shapes)[None]
    for low, high in [(50, 150), (100, 200), (20, 300)]:
        out[f"canny_{low}_{high}.uint8"] = torch.from_numpy(cv2.Canny(shapes, low, high))[None]
    colors = BYTES.permute(1, 2, 0).numpy().copy()
    out["canny_colors.uint8"] = torch.from_numpy(cv2.Canny(colors, 300, 600))[None]
    gx, gy = (cv2.Sobel(shapes, cv2.CV_32F, *d, ksize=3) for d in [(1, 0), (0, 1)])
    slope = np.clip(np.rint(np.sqrt(gx * gx + gy * gy)), 0, 255).astype(np.uint8)
    out["sobel.uint8"] = torch.from_numpy(slope)[None]
    laplace = np.abs(cv2.Laplacian(shapes, cv2.CV_32F)).clip(0, 255).astype(np.uint8)
    out["laplacian.uint8"] = torch.from_numpy(laplace)[None]
    out["box_blur.uint8"] = torch.from_numpy(
        cv2.blur(shapes, (5, 3), borderType=cv2.BORDER_REFLECT_101))[None]
    save_file({k: v.clone().contiguous() for k, v in out.items()}, sys.argv[1])


main()
