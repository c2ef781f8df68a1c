"""Keras callbacks for deblending; all count training steps, not epochs."""
