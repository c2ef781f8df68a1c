"""The report of a scoring: one page with tables, figures and galleries."""
