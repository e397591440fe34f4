"""What several bootstraps share: draws, exact sums under resampling, intervals."""
