"""Which touch earned a conversion: models, the credit kernel, and the result an analyst reads."""
