"""Galaxies in, blends out: sources, the split, perturbations, blend modes and batches."""
