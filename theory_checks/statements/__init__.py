"""One statement of the surrogate theory per file: what is measured, and what is promised for it."""
