"""Images: where they come from, what is done to their pixels, and which of them are stimuli."""
