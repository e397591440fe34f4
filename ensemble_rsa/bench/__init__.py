"""What this package costs beside other tools: time, memory, and how both grow with size."""
