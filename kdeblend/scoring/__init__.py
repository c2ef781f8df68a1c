"""Measuring deblenders: test blends with known truth, scores, summaries and tables."""
