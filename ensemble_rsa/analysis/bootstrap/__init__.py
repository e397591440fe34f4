"""Resampling: bootstrap intervals and the draws that permutation tests share."""
