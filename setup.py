"""Packaging of kdeblend; tool settings live in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

BACKENDS = {"jax": ["jax>=0.4.34"], "torch": ["torch>=2.4"]}
TEST = ["pytest>=8", "pyyaml>=6"]
DEV = [*TEST, "ruff>=0.6", "mypy>=1.11", "types-PyYAML", "build>=1.2"]


setup(
    name="kdeblend",
    version="0.1.0",
    description="Deblend galaxies with branched generative adversarial networks in Keras",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=[
        *find_packages(include=["kdeblend", "kdeblend.*"]),
        "kdeblend.cli",
        "kdeblend.tuning",
    ],
    package_dir={"kdeblend.cli": "cli", "kdeblend.tuning": "tuning"},
    package_data={"kdeblend": ["py.typed"], "kdeblend.presets": ["*.json", "*.md", "*.keras"]},
    install_requires=[
        "keras>=3.15",
        "tensorflow>=2.18",
        "keras-tuner>=1.4.7",
        "tensorboard>=2.18",
        "numpy>=1.26",
        "pillow>=10.3",
        "scikit-image>=0.24",
        "click>=8.1",
        "h5py>=3.11",
        "matplotlib>=3.8",
        "pyyaml>=6",
        "rich>=13.7",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.18"],
        **BACKENDS,
        "test": TEST,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["kdeblend = kdeblend.cli.main:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Astronomy",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
