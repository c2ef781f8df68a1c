"""Images of every format and depth that is read."""

import io
import struct
import zlib

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageOps

from kdeblend.io.images import ImageReadError, read_image, write_image

RNG = np.random.default_rng(0)


def pixels(dtype, bands, height=5, width=7):
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, bands), dtype, endpoint=True)


def png16(image, extra_chunks=()):
    """An independent PNG writer: no filter, one chunk of pixels."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    height, width, bands = image.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[bands]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
        + b"".join(chunk(*c) for c in extra_chunks)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    buffer.seek(0)
    return buffer


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    buffer.seek(0)
    return buffer


def test_written_16_bit_png_is_16_bit_for_others(tmp_path):
    image = pixels(np.uint16, 3)
    write_image(tmp_path / "a.png", image)
    data = (tmp_path / "a.png").read_bytes()
    assert data[24] == 16
    reference = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(reference, image >> 8)


@pytest.mark.parametrize("bands", [1, 3])
def test_16_bit_png_from_another_writer(bands):
    image = pixels(np.uint16, bands)
    np.testing.assert_array_equal(read_image(io.BytesIO(png16(image))), image)


def test_interlaced_16_bit_png():
    image, buffer = pixels(np.uint16, 3, 13, 11), io.BytesIO()
    writer = png.Writer(width=11, height=13, greyscale=False, bitdepth=16, interlace=True)
    writer.write(buffer, image.reshape(13, -1))
    np.testing.assert_array_equal(read_image(io.BytesIO(buffer.getvalue())), image)


@pytest.mark.parametrize("bands", [1, 3])
def test_16_bit_png_alpha_goes_over_black(bands):
    image = pixels(np.uint16, bands + 1)
    image[0, :, -1] = 65535
    image[1, :, -1] = 0
    back = read_image(io.BytesIO(png16(image)))
    np.testing.assert_array_equal(back[0], image[0, :, :-1])
    assert not back[1].any()
    expected = image[..., :-1] * (image[..., -1:] / 65535)
    np.testing.assert_allclose(back, expected, atol=0.5)


def test_16_bit_png_transparent_colour():
    image = pixels(np.uint16, 3)
    colour = image[2, 3].copy()
    chunk = (b"tRNS", colour.astype(">u2").tobytes())
    back = read_image(io.BytesIO(png16(image, [chunk])))
    assert not back[2, 3].any()
    np.testing.assert_array_equal(back[0], image[0])


def test_8_bit_alpha_goes_over_black():
    image = pixels(np.uint8, 4)
    image[0, :, 3] = 255
    back = read_image(saved(Image.fromarray(image), "png"))
    np.testing.assert_array_equal(back[0], image[0, :, :3])
    np.testing.assert_allclose(back, image[..., :3] * (image[..., 3:] / 255), atol=0.5)
    grey = pixels(np.uint8, 2)
    back = read_image(saved(Image.fromarray(grey, "LA"), "png"))
    assert back.shape == (5, 7, 1)
    np.testing.assert_allclose(back, grey[..., :1] * (grey[..., 1:] / 255), atol=0.5)


def test_palette_is_expanded():
    image = Image.fromarray(pixels(np.uint8, 3)).quantize(8)
    back = read_image(saved(image, "png"))
    np.testing.assert_array_equal(back, np.asarray(image.convert("RGB")))


def test_one_bit_image_is_black_and_white():
    mask = RNG.random((5, 7)) > 0.5
    back = read_image(saved(Image.fromarray(mask), "png"))
    np.testing.assert_array_equal(back[..., 0], mask * 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_orientation_is_applied(orientation, kind):
    image = pixels(np.uint8, 3)
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(Image.fromarray(image), kind, exif=exif.tobytes())
    exif_only = Image.fromarray(image)
    exif_only.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(exif_only))
    np.testing.assert_array_equal(read_image(data), expected)


def test_orientation_of_jpeg_and_deep_files():
    image = pixels(np.uint16, 3)
    exif = Image.Exif()
    exif[274] = 6
    chunk = (b"eXIf", exif.tobytes()[6:])
    expected = np.rot90(image, -1)
    np.testing.assert_array_equal(read_image(io.BytesIO(png16(image, [chunk]))), expected)
    deep = tiff(image, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    np.testing.assert_array_equal(read_image(deep), expected)
    jpeg = saved(Image.fromarray(np.zeros((8, 16, 3), np.uint8)), "jpeg", exif=exif.tobytes())
    assert read_image(jpeg).shape == (16, 8, 3)


def test_tiff_variants():
    image = pixels(np.uint16, 3)
    for depth in (image, (image >> 8).astype(np.uint8)):
        planar = tiff(np.moveaxis(depth, -1, 0), photometric="rgb", planarconfig="separate")
        np.testing.assert_array_equal(read_image(planar), depth)
    cmyk = tiff(pixels(np.uint8, 4), photometric="separated")
    with pytest.raises(ImageReadError, match="CMYK"):
        read_image(cmyk)
    big_endian = tiff(image, photometric="rgb", byteorder=">")
    assert read_image(big_endian).dtype == np.uint16
    big_endian.seek(0)
    np.testing.assert_array_equal(read_image(big_endian), image)
    inverted = tiff(image[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(read_image(inverted)[..., 0], 65535 - image[..., 0])
    alpha = pixels(np.uint16, 4)
    alpha[..., 3] = 0
    back = read_image(tiff(alpha, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(back, np.zeros((5, 7, 3)))
    lzw = saved(Image.fromarray(pixels(np.uint8, 3)), "tiff", compression="tiff_lzw")
    assert read_image(lzw).shape == (5, 7, 3)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_compressed_deep_tiff(tmp_path, compression, dtype):
    pixels = np.random.default_rng(2).random((9, 7, 3)).astype(np.float32)
    pixels = pixels if dtype == "float32" else (pixels * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pixels)


def test_double_precision_becomes_single(tmp_path):
    np.save(tmp_path / "a.npy", np.full((4, 5), 0.25, ">f8"))
    image = read_image(tmp_path / "a.npy")
    assert (image.dtype, image.shape) == (np.float32, (4, 5, 1))


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_truncated_files_are_refused(kind):
    data = saved(Image.fromarray(pixels(np.uint8, 3, 64, 64)), kind).getvalue()
    with pytest.raises(ImageReadError, match="broken"):
        read_image(io.BytesIO(data[: len(data) // 2]), f"broken.{kind}")
    deep = png16(pixels(np.uint16, 3))
    with pytest.raises(ImageReadError, match="broken"):
        read_image(io.BytesIO(deep[: len(deep) // 2]), "broken.png")


def test_other_files_are_refused(tmp_path):
    cmyk = saved(Image.new("CMYK", (8, 8)), "jpeg")
    with pytest.raises(ImageReadError, match="CMYK"):
        read_image(cmyk, "print.jpg")
    with pytest.raises(ImageReadError, match="not a PNG"):
        read_image(io.BytesIO(b"hello"))
    with pytest.raises(ImageReadError, match="the file is damaged, or"):
        read_image(io.BytesIO(b"\x89PNG\r\n\x1a\n"))
    with pytest.raises(ImageReadError, match="empty"):
        read_image(io.BytesIO(b""))
    with pytest.raises(ImageReadError, match="No such file"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ImageReadError, match="2 images"):
        read_image(tiff(np.zeros((2, 8, 8), np.uint16), photometric="minisblack"))
    lzw = struct.pack("<2sHI", b"II", 42, 8)
    with pytest.raises(ImageReadError):
        read_image(io.BytesIO(lzw))
