"""Packaging of kdeblend; tool settings live in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
TENSORFLOW = ">=2.18"


def requirements(name):
    """Return the lines of `requirements/<name>.txt`, without comments and other files."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(("#", "-r"))]


TEST = ["pytest>=8", "pytest-xdist>=3.6", "setuptools>=77"]

setup(
    name="kdeblend",
    version="0.1.0",
    description="Deblend galaxies with branched generative adversarial networks in Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=[
        *find_packages(include=["kdeblend", "kdeblend.*"]),
        "kdeblend.cli",
        "kdeblend.tuning",
    ],
    package_dir={"kdeblend.cli": "cli", "kdeblend.tuning": "tuning"},
    package_data={
        "kdeblend": ["py.typed"],
        "kdeblend.presets": ["*.json", "*.md", "*.png", "*.keras"],
        "kdeblend.scoring.report": ["*.css"],
    },
    install_requires=[*requirements("base"), f"tensorflow{TENSORFLOW}"],
    extras_require={
        "gpu": [f"tensorflow[and-cuda]{TENSORFLOW}"],
        "jax": requirements("jax"),
        "torch": requirements("torch"),
        "baselines": requirements("baselines"),
        "test": TEST,
        "dev": [*TEST, "sep>=1.3", "photutils>=3", "ruff>=0.6", "mypy>=1.11", "types-PyYAML"],
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
